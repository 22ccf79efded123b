// Times, durations and sizes in words. Times are seconds since the epoch, durations seconds, sizes bytes.

import { lang, number, t } from "./words.js";

const clockFormat = new Intl.DateTimeFormat(lang, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const dateFormat = new Intl.DateTimeFormat(lang, { day: "numeric", month: "short" });
const exactFormat = new Intl.DateTimeFormat(lang, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23" });
const three = new Intl.NumberFormat(lang, { maximumSignificantDigits: 3 });

/** 12:00:04; with the day where that is not today. */
export function clock(when) {
  const then = new Date(when * 1000);
  const time = clockFormat.format(then);
  return then.toDateString() === new Date().toDateString() ? time : `${dateFormat.format(then)}, ${time}`;
}

/** The same, to the millisecond. */
export function exact(when) {
  const then = new Date(when * 1000);
  const time = exactFormat.format(then);
  return then.toDateString() === new Date().toDateString() ? time : `${dateFormat.format(then)}, ${time}`;
}

/** 3 ms, 1.25 s, 2 min 5 s, 3 h 20 min. */
export function duration(seconds) {
  if (seconds < 0.9995) {
    const ms = Math.max(seconds, 0) * 1000;
    return t("unit.ms", { n: ms < 0.95 ? three.format(Math.round(ms * 10) / 10) : number(Math.round(ms)) });
  }
  if (seconds < 60) return t("unit.s", { n: three.format(seconds) });
  const minutes = Math.floor(Math.round(seconds) / 60);
  if (minutes < 60) return t("unit.min_s", { min: minutes, s: Math.round(seconds) % 60 });
  return t("unit.h_min", { h: Math.floor(minutes / 60), min: minutes % 60 });
}

/** Exact below 10,000 bytes, then to three digits. */
export function bytes(count) {
  if (count < 10000) return t("unit.b", { n: number(count) });
  if (count < 999.5e3) return t("unit.kb", { n: three.format(count / 1e3) });
  if (count < 999.5e6) return t("unit.mb", { n: three.format(count / 1e6) });
  return t("unit.gb", { n: three.format(count / 1e9) });
}

/** To three digits from the first thousand on, where there is little room. */
export const bytesBriefly = (count) => (count < 1000 ? bytes(count) : count < 10000 ? t("unit.kb", { n: three.format(count / 1e3) }) : bytes(count));

/** How long ago, coarsely: just now, 5 min, 3 h. */
export function ago(when, now = Date.now() / 1000) {
  const seconds = Math.max(0, now - when);
  return seconds < 1 ? t("unit.now") : duration(seconds < 60 ? Math.floor(seconds) : Math.floor(seconds / 60) * 60);
}
