// What the bytes mean: each message taken apart, line by line, with what is wrong beside the line that it is about.

import { api } from "./api.js";
import { el, put } from "./dom.js";
import { empty, pill } from "./parts.js";
import { bytes } from "./time.js";
import { t } from "./words.js";

const KNOWN = ["http", "xmlrpc", "smtp"];

/** Fill `box` with the anatomy of `connection`. */
export async function anatomy(box, connection) {
  const told = KNOWN.includes(connection.proto) ? await api.get(`connections/${connection.number}/anatomy`) : { messages: [] };
  if (!told.messages.length) return put(box, empty(t("anatomy.none"), t("anatomy.none_why")));
  return put(box, messages(told));
}

/** What `told` says of messages, as the API takes them apart. */
export const messages = (told) => (told.protocol === "smtp" ? dialogue(told.messages) : told.messages.map((message) => shown(message, told.protocol)));

function shown(message, protocol) {
  const isClient = (message.side ?? (message.kind === "request" ? "client" : "server")) === "client";
  const side = isClient ? "client" : "server";
  return el("article", { class: `message ${side}` },
    el("h3", {}, t(isClient ? "anatomy.client" : "anatomy.server"), pill(message.kind ?? protocol, "proto")),
    (message.lines ?? []).map(line),
    (message.wrong ?? []).map((wrong) => el("div", { class: "line bad" }, el("p", { class: "wrong", text: wrong }))),
    message.call ? called(message.call) : null,
    content(message.content));
}

/** What the content of XML-RPC says: a call with its values, the value that is its answer, or a fault. */
function called(call) {
  const values = (call.values ?? ("value" in call ? [call.value] : [])).map((value) => JSON.stringify(value));
  const words = call.wrong ?? (call.fault ? `${t("anatomy.rpc_fault")} ${call.fault.code}: ${call.fault.message}` : call.method ? `${call.method}(${values.join(", ")})` : `→ ${values.join(", ")}`);
  return el("div", { class: call.wrong || call.fault ? "line bad" : "line" }, el("span", { class: "raw" }, el("span", { class: "key", text: words })), el("span", { class: "meaning", text: t(call.method ? "anatomy.rpc_call" : call.fault || call.wrong ? "anatomy.rpc_fault" : "anatomy.rpc_value") }));
}

/** SMTP: commands and replies in their order, the client's and the server's by their colour. */
function dialogue(lines) {
  return el("div", { class: "dialogue" }, lines.map((one) => {
    const side = one.side === "server" ? "server" : "client";
    const isRefusal = side === "server" && /^[45]/.test(String(one.code ?? ""));
    const head = String(one.code || one.verb || "");
    const text = one.kind === "content" ? t("anatomy.mail_content", { size: bytes(one.size ?? 0) }) : one.text;
    return el("div", { class: `line ${side}${isRefusal ? " bad" : ""}` },
      el("span", { class: "raw" }, head && text.startsWith(head) ? [el("span", { class: "key", text: head }), text.slice(head.length)] : text),
      el("span", { class: "meaning", text: one.meaning ?? "" }));
  }));
}

function line(one) {
  const parts = Object.entries(one.parts ?? {});
  const name = one.role === "field" && parts.length ? one.parts.name : null;
  const text = one.text.replace(/\r?\n$/, "");
  const raw = name && text.startsWith(name) ? [el("span", { class: "key", text: name }), text.slice(name.length)] : [text || t("anatomy.blank_line")];
  return el("div", { class: one.wrong ? "line bad" : "line" },
    el("span", { class: "raw" }, raw),
    el("span", { class: "meaning", text: one.meaning ?? "" }),
    one.role === "field" || !parts.length ? null : el("div", { class: "parts" }, parts.map(([part, value]) => el("span", { class: "pill" }, el("b", { text: part }), ` ${value}`))),
    one.wrong ? el("p", { class: "wrong", text: one.wrong }) : null);
}

function content(about) {
  if (!about || (!about.size && !about.text)) return null;
  return el("div", { class: "content" },
    el("p", { class: "hint", text: `${t("anatomy.content")} · ${bytes(about.size)} · ${about.end ?? ""}` }),
    el("pre", { class: "code", tabindex: "0", text: about.text }));
}
