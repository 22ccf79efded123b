// What the bytes mean: each message taken apart, line by line, with what is wrong beside the line that it is about.

import { api } from "./api.js";
import { el, put } from "./dom.js";
import { empty, pill } from "./parts.js";
import { bytes } from "./time.js";
import { t } from "./words.js";

/** Fill `box` with the anatomy of connection `number`. */
export async function anatomy(box, number) {
  let told;
  try {
    told = await api.get(`connections/${number}/anatomy`);
  } catch (trouble) {
    if (trouble.status !== 404 && trouble.status !== 422) throw trouble;
    told = { messages: [] };
  }
  if (!told.messages.length) return put(box, empty(t("traffic.no_anatomy"), t("traffic.no_anatomy_why")));
  return put(box, told.messages.map((message) => shown(message, told.protocol)));
}

function shown(message, protocol) {
  const isClient = (message.side ?? (message.kind === "request" ? "client" : "server")) === "client";
  const side = isClient ? "client" : "server";
  return el("article", { class: `message ${side}` },
    el("h3", {}, t(isClient ? "traffic.client" : "traffic.server"), pill(message.kind ?? protocol, "proto")),
    (message.lines ?? []).map(line),
    (message.wrong ?? []).map((wrong) => el("div", { class: "line bad" }, el("p", { class: "wrong", text: wrong }))),
    content(message.content));
}

function line(one) {
  const parts = Object.entries(one.parts ?? {});
  const name = one.role === "field" && parts.length ? one.parts.name : null;
  const text = one.text.replace(/\r?\n$/, "");
  const raw = name && text.startsWith(name) ? [el("span", { class: "key", text: name }), text.slice(name.length)] : [text || t("traffic.blank_line")];
  return el("div", { class: one.wrong ? "line bad" : "line" },
    el("span", { class: "raw" }, raw),
    el("span", { class: "meaning", text: one.meaning ?? "" }),
    one.role === "field" || !parts.length ? null : el("div", { class: "parts" }, parts.map(([part, value]) => el("span", { class: "pill" }, el("b", { text: part }), ` ${value}`))),
    one.wrong ? el("p", { class: "wrong", text: one.wrong }) : null);
}

function content(about) {
  if (!about || (!about.size && !about.text)) return null;
  return el("div", { class: "content" },
    el("p", { class: "hint", text: `${t("traffic.content")} · ${bytes(about.size)} · ${about.end ?? ""}` }),
    el("pre", { class: "code", tabindex: "0", text: about.text }));
}
