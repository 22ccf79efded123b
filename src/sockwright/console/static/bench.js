// Bench: a card per endpoint, alive. Counts come with the feed once a second; the spark line shows the last minute.

import { api, attempt } from "./api.js";
import { $, el, put } from "./dom.js";
import { faultWords, heal, openFaults } from "./faults.js";
import { feed, live } from "./feed.js";
import { key } from "./keys.js";
import { button, copyButton, dialog, facts, pill, spark } from "./parts.js";
import { paste, tries } from "./paste.js";
import { bytesBriefly, clock } from "./time.js";
import { about, number, t } from "./words.js";

// Points of a spark line, one a second.
const POINTS = 60;
// Which group an endpoint's scheme stands in, and how the groups follow each other.
const GROUPS = [
  ["tcp", t("bench.tcp"), ["tcp"]],
  ["udp", t("bench.udp"), ["udp"]],
  ["http", t("bench.http"), ["http", "https", "xmlrpc"]],
  ["mail", t("bench.mail"), ["smtp", "smtps"]],
];

const cards = new Map();

class Card {
  constructor(place) {
    this.place = place;
    this.ins = new Array(POINTS).fill(0);
    this.outs = new Array(POINTS).fill(0);
    this.pending = [0, 0];
    this.spark = spark(t("bench.spark", { name: place.name }));
    this.counts = el("div", { class: "place-counts" });
    this.faults = el("div", { class: "place-faults" });
    const name = `${place.name} ${place.scheme}`;
    const filter = `endpoint:"${place.endpoint}"`;
    this.node = el("article", { class: "card place", "aria-label": name },
      el("div", { class: "place-head" },
        el("h3", {}, el("i", { class: "dot" }), el("a", { href: `/traffic?filter=${encodeURIComponent(filter)}`, text: place.name, title: t("bench.to_traffic") })),
        pill(place.scheme + (place.tls && !place.scheme.endsWith("s") ? "+tls" : ""), "proto"),
        el("span", { class: "tools" },
          button(t("bench.try", { name }), () => this.openTries(), { icon: "terminal", kind: "quiet square small" }),
          button(t("bench.break", { name }), () => openFaults(this.place, refresh), { icon: "break", kind: "quiet square small" }))),
      el("div", { class: "place-where" }, el("span", { text: shortly(place), title: place.endpoint }), copyButton(() => place.endpoint, { words: t("bench.copy_address") })),
      el("div", { class: "place-line" }, this.spark.node, this.counts),
      this.faults);
    this.show(place);
    this.draw();
  }

  openTries() {
    dialog(t("bench.try", { name: `${this.place.name} ${this.place.scheme}` }), (body) => {
      const services = this.place.services ?? [];
      if (services.length > 1) body.append(facts([[t("bench.services"), services.join(", ")]]));
      if (this.place.moved_from) body.append(el("p", { class: "hint", text: t("bench.moved", { port: String(this.place.moved_from) }) }));
      body.append(tries(this.place, sessionStorage.getItem("tool") ?? undefined));
    }).open();
  }

  show(place) {
    this.place = { ...this.place, ...place };
    const { connections, total, received, sent, refused, faults } = this.place;
    this.node.toggleAttribute("data-busy", connections > 0);
    this.node.classList.toggle("broken", faults.length > 0);
    put(this.counts,
      el("span", { title: t("bench.now_title") }, el("b", { text: number(connections) }), ` ${t("bench.now")} · `, el("b", { text: number(total) }), ` ${t("bench.total")}`),
      refused ? pill(t("bench.refused", { count: refused }), "warn") : null,
      el("span", {}, el("span", { class: "in", text: `↓ ${bytesBriefly(received)}`, title: `${t("bench.received")}: ${number(received)}` }), " ", el("span", { class: "out", text: `↑ ${bytesBriefly(sent)}`, title: `${t("bench.sent")}: ${number(sent)}` })));
    put(this.faults, faults.map((one) => pill(faultWords(one), "warn")),
      faults.length ? button(t("faults.heal"), async () => (await heal(this.place)) && refresh(), { kind: "quiet small" }) : null);
    this.faults.hidden = !faults.length;
  }

  /** Take in counts of the feed: what came since the last ones goes into this second of the line. */
  count(told) {
    this.pending[0] += Math.max(0, told.received - this.place.received);
    this.pending[1] += Math.max(0, told.sent - this.place.sent);
    this.show(told);
  }

  tick() {
    const [come, gone] = this.pending;
    const still = !come && !gone && !this.moving;
    this.pending = [0, 0];
    this.ins.push(come);
    this.outs.push(gone);
    this.ins.shift();
    this.outs.shift();
    if (!still) this.draw();
  }

  draw() {
    this.moving = this.ins.some(Boolean) || this.outs.some(Boolean);
    this.spark.draw(this.ins, this.outs);
  }
}

const shortly = (place) => place.endpoint.replace(/^\w+(\+tls)?:\/\//, "").replace(/\/$/, "");

function show(state) {
  const named = new Set(state.endpoints.map((place) => place.endpoint));
  for (const name of cards.keys()) if (!named.has(name)) cards.delete(name);
  for (const place of state.endpoints) {
    const card = cards.get(place.endpoint);
    if (card) card.show(place);
    else cards.set(place.endpoint, new Card(place));
  }
  const groups = GROUPS.map(([, words, schemes]) => [words, state.endpoints.filter((place) => schemes.includes(place.scheme))]);
  const known = GROUPS.flatMap(([, , schemes]) => schemes);
  groups.push([t("bench.others"), state.endpoints.filter((place) => !known.includes(place.scheme))]);
  put($("#groups"), groups.filter(([, places]) => places.length).map(([words, places]) =>
    el("section", { class: "group" }, el("h2", { text: words }), el("div", { class: "cards" }, places.map((place) => cards.get(place.endpoint).node)))));
  put($("#reach"), pill(state.lan ? t("bench.lan") : t("bench.loopback"), state.lan ? "warn" : ""));
  put($("#facts"), facts([
    [t("bench.started"), clock(state.started)],
    [t("bench.command"), el("code", { text: `sockwright ${state.command}` })],
    [t("bench.journal"), state.journal ? el("code", { text: state.journal }) : t("bench.in_memory")],
    [t("bench.seed"), String(state.seed)],
  ]));
  put($("#trouble"), state.trouble ? el("p", { class: "banner bad", text: state.trouble }) : null);
  if (![...cards.values()].some((card) => card.place.total)) {
    if (!$("#paste").hasChildNodes()) put($("#paste"), paste(state.endpoints));
    $("#paste").hidden = !$("#paste").hasChildNodes();
  }
  marks();
}

/** What depends on all cards. */
function marks() {
  const all = [...cards.values()].map((card) => card.place);
  if (all.some((place) => place.total)) $("#paste").hidden = true;
  $("#heal-all").hidden = !all.some((place) => place.faults.length);
}

const refresh = () => attempt(async () => show(await api.get("state")));

feed.on("endpoints", (told) => {
  for (const one of told) cards.get(one.endpoint)?.count(one);
  marks();
});
feed.on("faults", (places) => {
  for (const place of places) cards.get(place.endpoint)?.show({ faults: place.faults, seed: place.seed });
  marks();
});
$("#heal-all").addEventListener("click", async () => (await heal()) && refresh());
setInterval(() => {
  if (!document.hidden) for (const card of cards.values()) card.tick();
}, 1000);

const focusCard = (step) => {
  const links = [...document.querySelectorAll(".place h3 a")];
  const at = links.indexOf(document.activeElement);
  links[Math.min(links.length - 1, Math.max(0, at + step))]?.focus();
};
const onCard = (what) => () => {
  const card = [...cards.values()].find((one) => one.node.contains(document.activeElement));
  return card ? what(card) : false;
};
key("j", t("keys.bench"), t("keys.next_card"), () => focusCard(1));
key("k", t("keys.bench"), t("keys.previous_card"), () => focusCard(-1));
key("c", t("keys.bench"), t("keys.try_card"), onCard((card) => card.openTries()));
key("f", t("keys.bench"), t("keys.break_card"), onCard((card) => openFaults(card.place, refresh)));

live(show);
if (!about.state.endpoints.length) $("#groups").append(el("p", { class: "hint", text: t("bench.nothing") }));
