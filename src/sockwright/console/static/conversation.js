// A conversation: the client at the left, the server at the right. A piece is what one read or write carried; pieces of
// one side that follow each other touch, with the border to be seen. Silences and gaps are lines of their own.

import { $, el, icon, put } from "./dom.js";
import { button, copyButton, segments } from "./parts.js";
import { ending, isClients } from "./ending.js";
import { asHex, asText, FIRST, linked, MORE, unpacked } from "./octets.js";
import { bytes, duration } from "./time.js";
import { t } from "./words.js";

// A pause that is worth a line (seconds), and one that is worth saying in a piece's head.
const SILENCE = 1;
const PAUSE = 0.001;
// Pieces that are shown until somebody asks for more.
const PIECES = 400;
// How wide the pane must be for sixteen bytes a line (pixels).
const ROOM = 540;
const MODES = ["text", "hex", "both"];

let mode = MODES.includes(sessionStorage.getItem("octets")) ? sessionStorage.getItem("octets") : "text";

export class Conversation {
  #box = el("div", { class: "talk" });
  #connection = null;
  #shown = PIECES;

  constructor() {
    this.modes = segments(t("traffic.shown_as"), [["text", t("traffic.text")], ["hex", t("traffic.hex")], ["both", t("traffic.both")]], mode, (value) => this.look(value));
    this.readout = el("span", { class: "readout" });
    this.node = el("div", {}, el("div", { class: "talk-tools" }, this.modes.node, this.readout), this.#box);
  }

  /** Show bytes as `text`, `hex` or `both`; without one, as the next of them. */
  look(value = MODES[(MODES.indexOf(mode) + 1) % MODES.length]) {
    mode = value;
    sessionStorage.setItem("octets", mode);
    this.modes.press(mode);
    this.show(this.#connection);
  }

  show(connection) {
    if (connection.number !== this.#connection?.number) this.#shown = PIECES;
    this.#connection = connection;
    const parts = [];
    let last = 0;
    let before = null;
    let count = 0;
    for (const [place, item] of connection.items.slice(0, this.#shown).entries()) {
      if (item.after - last >= SILENCE) {
        parts.push(el("p", { class: "silence", text: t("traffic.silence", { time: duration(item.after - last) }) }));
        before = null;
      }
      if (item.kind === "chunk") parts.push(this.#piece(item, ++count, item.direction === before, item.after - last, place));
      else parts.push(this.#event(item));
      before = item.kind === "chunk" ? item.direction : null;
      last = item.after;
    }
    const left = connection.items.length - this.#shown;
    if (left > 0) parts.push(button(t("traffic.more_pieces", { count: left }), () => ((this.#shown += 4 * PIECES), this.show(connection)), { kind: "small" }));
    if (!connection.items.length) parts.push(el("p", { class: "event", text: t(connection.state === "open" ? "traffic.nothing_yet" : "traffic.nothing_said") }));
    if (connection.cut) parts.push(el("p", { class: "event gap", text: t("traffic.cut") }));
    if (connection.state !== "open") {
      const [words, kind, sign] = ending(connection);
      const silent = connection.duration !== null && connection.duration - last >= SILENCE;
      if (silent) parts.push(el("p", { class: "silence", text: t("traffic.silence", { time: duration(connection.duration - last) }) }));
      parts.push(el("p", { class: `event end ${kind}` }, sign ? icon(sign) : null, words));
    }
    put(this.#box, parts);
  }

  /** Bring the piece at `place` of the items in sight. */
  reveal(place) {
    const piece = $(`[data-place="${place}"]`, this.#box);
    piece?.scrollIntoView({ block: "center" });
    piece?.classList.add("marked");
    setTimeout(() => piece?.classList.remove("marked"), 1500);
  }

  #piece(item, count, same, pause, place) {
    const isClient = isClients(this.#connection, item.direction);
    const data = unpacked(item.base64);
    const kept = item.kept < item.size ? ` ${t("traffic.kept", { size: bytes(item.kept) })}` : "";
    const unit = this.#connection.proto === "udp" ? "traffic.datagram" : "traffic.chunk";
    const body = el("div");
    let shown = FIRST;
    const fill = () => {
      const part = data.subarray(0, shown);
      const views = [];
      if (mode !== "hex" && !(item.binary && mode === "text")) views.push(asText(part));
      if (mode !== "text" || item.binary) views.push(asHex(part, this.node.clientWidth < ROOM ? 8 : 16));
      if (!item.size) views.splice(0, 2, el("div", { class: "piece-body mark", text: t("traffic.empty_datagram") }));
      if (data.length > shown) views.push(button(t("traffic.more_bytes", { size: bytes(data.length - shown) }), () => ((shown += MORE), fill()), { kind: "small quiet" }));
      put(body, views);
    };
    fill();
    linked(body, data, (text) => (this.readout.textContent = text));
    const wide = mode !== "text" || item.binary;
    return el("article", { class: ["piece", isClient ? "client" : "server", same ? "same" : "", wide ? "wide" : ""].filter(Boolean).join(" "), data: { place } },
      el("div", { class: "piece-head" },
        el("b", { text: t(isClient ? "traffic.client" : "traffic.server") }),
        el("span", { text: `${bytes(item.size)}${kept}` }),
        el("span", { text: t(unit, { n: count }) }),
        el("span", { class: "grow" }),
        el("span", { title: t("traffic.since_opened"), text: `+${duration(item.after)}` }),
        same && pause >= PAUSE ? el("span", { title: t("traffic.since_last"), text: `Δ ${duration(pause)}` }) : null,
        data.length ? copyButton(() => item.text, { kind: "quiet square small", words: t("common.copy") }) : null),
      body);
  }

  #event(item) {
    switch (item.kind) {
      case "half-close":
        return el("p", { class: `event ${this.#connection.role === "client" ? "server" : "client"}` }, icon("fin"), t("traffic.half_close"));
      case "fault":
        return el("p", { class: "event warn" }, icon("break"), [t("traffic.fault"), item.name, item.why].filter(Boolean).join(" · "));
      case "gap":
        return el("p", { class: "event gap", text: item.records ? t("traffic.gap", { count: item.records }) : t("traffic.gap_before") });
      default:
        return el("p", { class: "event" }, icon("edit"), [item.name, ...Object.entries(item.about ?? {}).map(([name, value]) => `${name}: ${typeof value === "object" ? JSON.stringify(value) : value}`)].join(" · "));
    }
  }
}
