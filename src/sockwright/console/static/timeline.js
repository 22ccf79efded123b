// When who said how much: two lanes over time, and under them the same as a table.
//
// A connection that is silent for most of its time would be two dots far apart, so a silence longer than a share of all
// is drawn shorter, with a break in the axis.

import { el, svg } from "./dom.js";
import { isClients } from "./ending.js";
import { button } from "./parts.js";
import { bytes, duration } from "./time.js";
import { t } from "./words.js";

const W = 1000;
const H = 144;
const LEFT = 70;
const RIGHT = 12;
const LANES = { client: 44, server: 92 };
const TALLEST = 20;
// A pause is drawn at most so many times as long as the usual one, and at least so long (seconds).
const STRETCH = 12;
const SHORTEST = 0.0005;
// Rows of the table, and marks of the picture.
const MOST = 1000;

/** Return the lanes and the table; `reveal(place)` is called for the item that somebody points at. */
export function timeline(connection, reveal) {
  const items = connection.items.slice(0, MOST).map((item, place) => ({ ...item, place }));
  const end = connection.duration ?? Math.max(0, ...items.map((item) => item.after));
  const { places, breaks } = axis([0, ...items.map((item) => item.after), end]);
  const most = Math.max(1, ...items.filter((item) => item.kind === "chunk").map((item) => item.size));
  const marks = items.map((item, at) => mark(item, connection, places[at + 1], most, reveal));
  const lanes = svg("svg", { class: "lanes", viewBox: `0 0 ${W} ${H}`, preserveAspectRatio: "none", role: "img", "aria-label": t("traffic.timeline_of", { n: connection.number }) },
    ...breaks.map(({ at, length }) => [svg("path", { class: "break", d: `M${at.toFixed(1)} 14V${H - 24}` }), svg("title", {}, duration(length))]).flat(),
    ...Object.values(LANES).map((y) => svg("path", { class: "lane", d: `M${LEFT} ${y}H${W - RIGHT}` })),
    svg("path", { class: "end", d: `M${LEFT} 20V${H - 24}` }),
    connection.duration === null ? "" : svg("path", { class: "end", d: `M${places.at(-1).toFixed(1)} 20V${H - 24}` }),
    ...marks);
  const words = el("div", { class: "lane-words", "aria-hidden": "true" }, el("span", { class: "client", text: t("traffic.client") }), el("span", { class: "server", text: t("traffic.server") }),
    el("span", { class: "begin", text: "0" }), el("span", { class: "finish", text: duration(end) }));
  let last = 0;
  const rows = items.map((item) => {
    const row = step(item, connection, last, reveal);
    last = item.after;
    return row;
  });
  const head = ["after", "pause", "who", "what"].map((one) => el("th", { scope: "col", text: t(HEADS[one]) }));
  return [el("div", { class: "lane-box" }, lanes, words), el("table", { class: "table steps" }, el("thead", {}, el("tr", {}, head)), el("tbody", {}, rows))];
}

const HEADS = { after: "traffic.after", pause: "traffic.pause_before", who: "traffic.who", what: "traffic.what" };

/** Return where each of `times` is drawn, and where the axis is broken. */
function axis(times) {
  const pauses = times.slice(1).map((time, at) => Math.max(0, time - times[at]));
  const usual = [...pauses].filter((pause) => pause > SHORTEST).sort((a, b) => a - b);
  const longest = Math.max(SHORTEST, (usual[Math.floor(usual.length / 2)] ?? SHORTEST) * STRETCH);
  const drawn = pauses.map((pause) => Math.min(pause, longest));
  const all = drawn.reduce((sum, one) => sum + one, 0) || 1;
  const places = [LEFT];
  for (const one of drawn) places.push(places.at(-1) + (one / all) * (W - LEFT - RIGHT - 6));
  const breaks = pauses.map((length, at) => ({ length, at: (places[at] + places[at + 1]) / 2 })).filter(({ length }) => length > longest);
  return { places, breaks };
}

function mark(item, connection, at, most, reveal) {
  if (item.kind !== "chunk") return svg("rect", { class: "note", x: (at - 2).toFixed(1), y: (LANES.client + LANES.server) / 2, width: 4, height: 4 });
  const side = isClients(connection, item.direction) ? "client" : "server";
  const height = 3 + Math.sqrt(item.size / most) * TALLEST;
  const node = svg("rect", { class: side, x: (at - 2).toFixed(1), y: (LANES[side] - height).toFixed(1), width: 4, height: height.toFixed(1), rx: 1 }, svg("title", {}, `+${duration(item.after)} · ${bytes(item.size)}`));
  node.addEventListener("click", () => reveal(item.place));
  return node;
}

function step(item, connection, last, reveal) {
  const isClient = item.kind === "half-close" ? connection.role !== "client" : isClients(connection, item.direction);
  const who = ["chunk", "half-close"].includes(item.kind) ? el("span", { class: isClient ? "client" : "server", text: t(isClient ? "traffic.client" : "traffic.server") }) : "";
  const first = (item.text ?? "").split("\n")[0].slice(0, 80);
  const what = {
    chunk: () => [button(bytes(item.size), () => reveal(item.place)), item.binary ? "" : ` ${first}`],
    "half-close": () => [t("traffic.half_close")],
    fault: () => [`${t("traffic.fault")} · ${item.name} ${item.why ?? ""}`],
    gap: () => [item.records ? t("traffic.gap", { count: item.records }) : t("traffic.gap_before")],
    note: () => [item.name],
  }[item.kind]?.() ?? [item.kind];
  return el("tr", {}, el("td", { class: "mono", text: `+${duration(item.after)}` }), el("td", { class: "mono", text: duration(item.after - last) }), el("td", {}, who), el("td", { class: "mono" }, what));
}
