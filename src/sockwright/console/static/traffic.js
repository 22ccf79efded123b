// Traffic: the live list of connections, its filter, and the detail beside it.
//
// While somebody reads (a row is selected, the list is scrolled, or it is paused), nothing in the list moves: what is new
// is held back and counted in a pill. The filter language is the server's: with a filter, it is asked which of the
// connections that changed are meant.

import { api, ApiError, attempt, show as showError } from "./api.js";
import { Detail, TABS } from "./detail.js";
import { $, el, icon, put } from "./dom.js";
import { counts, ending, sides } from "./ending.js";
import { feed, live } from "./feed.js";
import { dialog, empty, pill, sure } from "./parts.js";
import { paste } from "./paste.js";
import { cell, Rows } from "./rows.js";
import { clock, bytes, duration, exact } from "./time.js";
import { trafficKeys } from "./traffic_keys.js";
import { about, t } from "./words.js";

// Rows that are kept; older ones are found with a filter.
const MOST = 5000;
const PAGE = 200;
// Milliseconds: while typing until the filter is asked; between two questions which changed connections are meant.
const TYPING = 250;
const ASKING = 200;
// Rows that one question for missing ones brings.
const CHASED = 500;
// Connections that one question names.
const NAMED = 100;
// How narrow the list must be for a row to take two lines (as in traffic.css), and rows' heights (pixels).
const NARROW = 860;
const [LOW, HIGH] = [32, 52];

const held = new Map(); // what is new and not shown yet, by number
const doubtful = new Set(); // what changed and may be meant by the filter
let filter = "";
let isWrong = false; // whether the filter cannot be understood: then nothing is asked
let isPaused = false;
let isAll = false; // whether there is nothing older
let isLoading = false;
let whole = 0; // up to this number nothing is missing
let isChasing = false;
let isBehind = false;
let asking = 0;
let generation = 0; // of the list: answers to an older question are dropped

const rows = new Rows($("#list"), {
  label: t("traffic.list"),
  columns: [["c-time", t("traffic.time")], ["c-proto", t("traffic.protocol")], ["c-who", t("traffic.peer")], ["c-said", t("traffic.said")],
    ["c-bytes", t("traffic.bytes")], ["c-chunks number", t("traffic.chunks_head")], ["c-end", t("traffic.ended")], ["c-duration number", t("traffic.took")]],
  key: (connection) => connection.number,
  height: (width) => (width <= NARROW ? HIGH : LOW),
  fill,
  select: (connection) => detail.number !== null && open(connection.number, { replace: true }),
  open: (connection) => open(connection.number),
  end: older,
  scroll: () => held.size && !reading() && release(),
});

const detail = new Detail($("#detail"), { close, tab: () => address({ replace: true }) });

function fill(row, connection) {
  const [words, kind, sign] = ending(connection);
  const [client, server] = sides(connection);
  const [said, answered] = counts(connection);
  const service = connection.service || server;
  put(row,
    cell("c-time", el("a", { href: to(connection.number), tabindex: "-1", title: `#${connection.number} · ${exact(connection.opened)}`, text: clock(connection.opened).replace(/^.*, /, "") })),
    cell("c-proto", pill(connection.proto, "proto"), connection.tls ? icon("lock") : null),
    el("span", { role: "gridcell", class: "c-who", title: `${client} → ${server}` }, el("span", { class: "peer", text: `${briefly(client)} → ` }), el("span", { class: "service", text: service })),
    el("span", { role: "gridcell", class: "c-said", title: connection.said || null }, connection.said || el("span", { class: "none", text: "—" })),
    cell("c-bytes", el("span", { class: "in", text: amount(said[0]) }), " → ", el("span", { class: "out", text: amount(answered[0]) })),
    cell("c-chunks number", `${said[1] ?? 0} → ${answered[1] ?? 0}`),
    el("span", { role: "gridcell", class: `c-end ${kind}`, title: words }, kind === "open" ? el("i", { class: "dot" }) : icon(sign), el("span", { text: words })),
    cell("c-duration number", connection.duration === null ? "" : duration(connection.duration)));
}

/** An address of this machine without its host, which is the same all the time. */
const briefly = (address) => address.replace(/^(127\.0\.0\.1|\[::1\])(?=:)/, "");

const amount = (size) => (size === null || size === undefined ? "…" : bytes(size));

// -- the list

const reading = () => isPaused || rows.selected !== null || !rows.atTop;

/** Take in connections that are new or have changed. */
function take(connections, { glow = true } = {}) {
  const fresh = [];
  for (const connection of connections) {
    const known = rows.item(connection.number) ?? held.get(connection.number);
    if (known && known.state !== "open" && connection.state === "open") continue; // an answer that the feed has overtaken
    if (rows.has(connection.number)) rows.update(connection);
    else if (held.has(connection.number)) held.set(connection.number, connection);
    else fresh.push(connection);
    if (connection.number === detail.number) detail.changed();
  }
  for (const connection of fresh) held.set(connection.number, connection);
  if (fresh.length && !reading()) release(glow);
  else news();
}

/** Show what was held back. */
function release(glow = true) {
  if (!held.size) return news();
  const numbers = [...held.keys()];
  const oldest = isAll || !rows.items.length ? -Infinity : rows.items.at(-1).number;
  const merged = [...held.values()].filter((one) => one.number > oldest).concat(rows.items).sort((a, b) => b.number - a.number);
  held.clear();
  if (merged.length > MOST) isAll = false;
  rows.items = merged.slice(0, MOST);
  if (glow) for (const one of numbers.slice(-50)) rows.glow(one);
  nothing();
  return news();
}

function news() {
  const button = $("#news");
  button.hidden = !held.size;
  $("span", button).textContent = t("traffic.new", { count: held.size });
  while (held.size > MOST) held.delete(held.keys().next().value);
}

async function load(first = null) {
  const mine = ++generation;
  const asked = filter;
  let answer = first;
  try {
    answer ??= await api.get("connections", { filter: asked, limit: PAGE });
  } catch (trouble) {
    if (!(trouble instanceof ApiError) || trouble.status !== 400) return showError(trouble);
    if (mine === generation) wrong(trouble);
    return undefined;
  }
  if (mine !== generation) return undefined;
  wrong(answer.error ?? null);
  held.clear();
  doubtful.clear();
  isAll = !answer.more;
  rows.items = answer.connections ?? [];
  whole = rows.items[0]?.number ?? 0;
  rows.toTop();
  news();
  nothing();
  return undefined;
}

/** The rows behind the last one. */
async function older() {
  if (isAll || isLoading || !rows.items.length || rows.items.length >= MOST) return;
  isLoading = true;
  const mine = generation;
  const answer = await attempt(() => api.get("connections", { filter, before: rows.items.at(-1).number, limit: PAGE }));
  isLoading = false;
  if (!answer || mine !== generation) return;
  isAll = !answer.more;
  rows.items = rows.items.concat(answer.connections.filter((one) => !rows.has(one.number))).slice(0, MOST);
}

/** Ask which of the connections that changed the filter means. */
async function ask() {
  asking = 0;
  const numbers = [...doubtful].slice(0, NAMED);
  for (const one of numbers) doubtful.delete(one);
  const mine = generation;
  const answer = await attempt(() => api.get("connections", { filter: `${filter} id:${numbers.join(",")}`, limit: NAMED }));
  if (answer && mine === generation) take(answer.connections);
  if (doubtful.size) asking ||= setTimeout(ask, ASKING);
}

function nothing() {
  const box = $("#nothing");
  const isEmpty = !rows.items.length && !isWrong;
  box.hidden = !isEmpty;
  $("#list").hidden = isEmpty;
  if (!isEmpty) put(box);
  else if (filter) put(box, empty(t("traffic.none_fits"), t("traffic.none_fits_words"), "filter"));
  else if (!box.hasChildNodes() || box.querySelector(".empty")) put(box, paste(about.state.endpoints) ?? empty(t("traffic.none"), "", "traffic"));
}

const arrived = new Map(); // what the feed told since the last picture, by number
let drawing = 0;

// A burst is hundreds of events: the list is made anew once per picture, not once per event.
feed.on("connection", (connection) => {
  arrived.set(connection.number, connection);
  drawing ||= requestAnimationFrame(takeArrived);
});

function takeArrived() {
  drawing = 0;
  const all = [...arrived.values()];
  arrived.clear();
  const isMeant = ({ number }) => !filter || rows.has(number) || held.has(number);
  const meant = all.filter(isMeant);
  if (meant.length) take(meant);
  if (isWrong) return;
  for (const one of all) if (!isMeant(one)) doubtful.add(one.number);
  if (doubtful.size) asking ||= setTimeout(ask, ASKING);
}

// More came than the feed tells one by one: ask for what is missing, down to where the list is known to be whole.
feed.on("skipped", async () => {
  if (isWrong || isChasing) return void (isBehind = true);
  isChasing = true;
  do {
    isBehind = false;
    await attempt(chase);
  } while (isBehind && !isWrong);
  isChasing = false;
  return undefined;
});

async function chase() {
  const mine = generation;
  let newest = whole;
  let before;
  for (let page = 0; page < MOST / CHASED; page++) {
    const { connections, more } = await api.get("connections", { filter, after: whole, before, limit: CHASED });
    if (mine !== generation) return;
    take(connections, { glow: false });
    newest = Math.max(newest, connections[0]?.number ?? 0);
    before = connections.at(-1)?.number;
    if (!more || !before) break;
  }
  whole = newest;
}

// -- the filter

function wrong(trouble) {
  isWrong = Boolean(trouble);
  const field = $("#filter-text");
  if (trouble) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
  put($("#filter-wrong"), trouble ? [trouble.what, trouble.cure ? el("span", { class: "cure", text: ` — ${trouble.cure}` }) : null] : null);
}

let typing = 0;
function filterBy(text, { replace = false } = {}) {
  clearTimeout(typing);
  if (text === filter) return;
  filter = text;
  $("#filter-text").value = text;
  address({ replace });
  load();
}

$("#filter").addEventListener("submit", (event) => {
  event.preventDefault();
  filterBy($("#filter-text").value.trim());
  rows.focus();
});
$("#filter-text").addEventListener("input", (event) => {
  clearTimeout(typing);
  typing = setTimeout(() => filterBy(event.target.value.trim(), { replace: true }), TYPING);
});
$("#filter-help").addEventListener("click", () => {
  const use = (text, close) => el("button", { type: "button", class: "small mono", text, on: { click: () => (close(), filterBy(text)) } });
  const examples = [["proto:http status:4xx,5xx", "traffic.ex_status"], ["service:echo bytes>1KiB", "traffic.ex_bytes"], ["end:rst since:10m", "traffic.ex_end"], ["received~hello", "traffic.ex_text"], ["-proto:udp -service:time", "traffic.ex_not"]];
  dialog(t("traffic.filter_help"), (body, close) => {
    body.append(el("p", { text: t("traffic.filter_words") }), el("dl", { class: "keys keys-of-filter" }, examples.flatMap(([text, words]) => [el("dt", {}, use(text, close)), el("dd", { text: t(words) })])),
      el("p", { class: "hint", text: t("traffic.filter_keys") }), el("p", { class: "hint mono", text: KEYS }));
  }).open();
});
const KEYS = "id proto service peer local endpoint role tls end by reason note fault method path host status text hex received sent bytes chunks notes faults omitted duration since until run";

// -- addresses: each view has one

function to(connection = detail.number) {
  const query = new URLSearchParams();
  if (filter) query.set("filter", filter);
  if (connection !== null && connection === detail.number && detail.tab !== TABS[0]) query.set("tab", detail.tab);
  const text = query.toString();
  return `/traffic${connection === null ? "" : `/${connection}`}${text ? `?${text}` : ""}`;
}

function address({ replace }) {
  const there = to();
  if (there === location.pathname + location.search) return;
  if (replace) history.replaceState(null, "", there);
  else history.pushState(null, "", there);
}

function open(connection, { replace = false, known = null, stay = false } = {}) {
  rows.select(connection, { seen: true });
  $("#panes").toggleAttribute("data-open", true);
  const shown = detail.show(connection, known);
  document.title = `#${connection} · ${t("traffic.title")} · Sockwright`;
  if (!stay) address({ replace });
  return shown;
}

function close({ stay = false } = {}) {
  if (detail.number === null && rows.selected === null) return false;
  const hadFocus = $("#detail").contains(document.activeElement);
  detail.close();
  $("#panes").removeAttribute("data-open");
  rows.select(null);
  document.title = `${t("traffic.title")} · Sockwright`;
  if (!stay) address({ replace: false });
  if (hadFocus || document.activeElement === document.body) rows.focus();
  if (!reading()) release();
  return true;
}

addEventListener("popstate", () => read({ isFirst: false }));

/** Show what the address says. */
function read({ isFirst }) {
  const query = new URLSearchParams(location.search);
  const wanted = query.get("filter") ?? "";
  const [, connection] = location.pathname.match(/^\/traffic\/(\d+)$/) ?? [];
  if (isFirst || wanted !== filter) {
    filter = wanted;
    $("#filter-text").value = filter;
    load(isFirst ? { connections: about.connections, more: about.more, error: about.error } : null);
  }
  detail.choose(query.get("tab") ?? TABS[0]);
  if (connection) open(Number(connection), { stay: true, known: isFirst ? about.connection : null });
  else close({ stay: true });
}

// -- pause, clear, keys

function pause(on = !isPaused) {
  isPaused = on;
  const button = $("#pause");
  button.setAttribute("aria-pressed", String(on));
  put(button, icon(on ? "play" : "pause"), t(on ? "traffic.go_on" : "traffic.pause"));
  if (!reading()) release();
}
pause(false);
$("#pause").addEventListener("click", () => pause());
$("#news").addEventListener("click", showNews);

function showNews() {
  release();
  rows.toTop();
  rows.focus();
}

$("#clear").addEventListener("click", async () => {
  if (!(await sure(t("traffic.clear"), t("traffic.clear_all"), t("traffic.clear_yes")))) return;
  await attempt(async () => {
    await api.remove("connections");
    close();
    await load();
  });
});

const tab = (which) => () => {
  if (detail.number === null) return false;
  detail.choose(which);
  address({ replace: true });
  return true;
};
trafficKeys({
  next: () => rows.move(1),
  previous: () => rows.move(-1),
  open: (event) => (event.target.closest("a, button, input") || rows.selected === null ? false : open(rows.selected)),
  close: () => close(),
  pause: () => pause(),
  news: showNews,
  conversation: tab("conversation"),
  timeline: tab("timeline"),
  anatomy: tab("anatomy"),
  copy: tab("copy"),
  hex: () => (detail.number === null ? false : detail.look()),
  again: () => (detail.number === null ? false : location.assign(`/call?from=${detail.number}`)),
});

let isFirst = true;
live(async () => {
  if (isFirst) {
    isFirst = false;
    return read({ isFirst: true });
  }
  await load();
  if (detail.number !== null) await detail.show(detail.number);
  return undefined;
});
