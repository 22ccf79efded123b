// One run of the link checker: how far it is, and what is broken, by page, as it is found.

import { api, attempt } from "./api.js";
import { $, el, put } from "./dom.js";
import { feed, live } from "./feed.js";
import { button, empty, pill } from "./parts.js";
import { progressOf, stateOf } from "./runs.js";
import { duration, exact } from "./time.js";
import { about, number, t } from "./words.js";

// Which colour a class of verdicts has.
const KINDS = { ok: "good", redirected: "good", broken: "bad", dns: "bad", refused: "bad", tls: "bad", "time-out": "bad", flaky: "warn", blocked: "warn", "rate-limited": "warn", robots: "", skipped: "" };
// Milliseconds between two questions for what is broken while a run goes on.
const STILL = 500;

let run = about.run;
let timer = 0;

function drawState() {
  const counts = Object.entries(run.classes ?? {}).filter(([, count]) => count);
  put($("#state"),
    el("div", { class: "row" }, stateOf(run), el("span", { class: "hint", text: t(run.state === "running" ? "links.since" : "links.took", { time: run.state === "running" ? exact(run.began) : duration(run.seconds) }) })),
    progressOf(run),
    counts.length ? el("div", { class: "row" }, counts.map(([name, count]) => pill(`${name} ${number(count)}`, KINDS[name] ?? "bad"))) : null,
    Object.entries(run.limits ?? {}).filter(([, count]) => count).map(([name, count]) => el("p", { class: "hint", text: t("links.limit", { name, count }) })),
    run.error ? el("p", { class: "wrong", text: run.error.what }) : null);
  put($("#tools"),
    run.state === "running" ? button(t("links.stop"), stop, { icon: "close", kind: "danger" }) : el("a", { class: "button", href: `/links?url=${encodeURIComponent(run.url)}`, text: t("links.again") }));
}

function drawBroken() {
  const pages = run.broken ?? [];
  if (!pages.length) {
    const words = run.state === "running" ? [t("links.none_broken_yet"), ""] : run.state === "done" ? [t("links.none_broken"), t("links.none_broken_words")] : [t("links.none_found"), ""];
    return put($("#broken"), el("div", { class: "panel" }, empty(words[0], words[1], run.state === "done" ? "done" : "links")));
  }
  return put($("#broken"), pages.map((page) =>
    el("section", { class: "panel broken-page", "aria-label": page.page }, el("h2", {}, el("a", { href: page.page, target: "_blank", rel: "noopener noreferrer", text: page.page })),
      el("table", { class: "table" }, el("tbody", {}, page.links.map(line))))));
}

const line = (one) =>
  el("tr", {},
    el("td", { class: "class" }, pill(one.status ? `${one.class} ${one.status}` : one.class, KINDS[one.class] ?? "bad")),
    el("td", { class: "what" }, el("a", { class: "mono", href: one.url, target: "_blank", rel: "noopener noreferrer", text: one.raw || one.url }), one.text ? el("span", { text: `“${one.text}”` }) : null, el("span", { class: "hint", text: one.reason ?? "" })),
    el("td", { class: "place", text: one.line ? t("links.place", { line: String(one.line), column: String(one.column ?? 1) }) : "" }));

async function load() {
  const found = await attempt(() => api.get(`links/${run.id}`));
  if (!found) return;
  run = found.run;
  drawState();
  drawBroken();
}

async function stop() {
  await attempt(async () => {
    await api.remove(`links/${run.id}`);
    location.assign("/links");
  });
}

feed.on("links", (told) => {
  if (told.id !== run.id) return;
  run = { ...run, ...told, broken: run.broken };
  drawState();
  clearTimeout(timer);
  timer = setTimeout(load, run.state === "running" ? STILL : 0);
});

await live(load);
