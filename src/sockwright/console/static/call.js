// Call: say something to any server of any scheme, and see the answer beside it.

import { api, ApiError } from "./api.js";
import { messages } from "./anatomy.js";
import { openCompose } from "./compose.js";
import { $, el, put } from "./dom.js";
import { live } from "./feed.js";
import { key } from "./keys.js";
import { asHex, linked, MORE, unpacked } from "./octets.js";
import { button, code, empty, field, pill, select, tabs } from "./parts.js";
import { bytes, duration } from "./time.js";
import { about, t } from "./words.js";

const SCHEMES = ["tcp", "udp", "http", "https", "xmlrpc", "smtp"];
const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
const ENDS = [["\n", t("call.end_lf")], ["\r\n", t("call.end_crlf")], ["", t("call.end_none")]];
// Milliseconds beyond what the call itself may wait.
const MARGIN = 10000;

const composed = about.composed ?? {};
const endpoints = (about.state?.endpoints ?? []).filter((one) => one.scheme !== "console");
const first = new URL(location.href).searchParams.get("url") ?? composed.url ?? endpoints.find((one) => one.scheme === "http")?.endpoint ?? ":7080";

const url = el("input", { value: first, list: "endpoints", required: true, autocomplete: "off", spellcheck: "false", class: "mono", autofocus: true, data: { search: "" } });
const method = select(METHODS.map((one) => [one, one]), METHODS.includes(composed.method) ? composed.method : "GET", { "aria-label": t("call.method") });
const remote = el("input", { value: composed.method ?? "is_even", autocomplete: "off", spellcheck: "false", class: "mono" });
const args = el("textarea", { rows: "3", spellcheck: "false", value: JSON.stringify(composed.arguments ?? [4]) });
const fields = el("textarea", { rows: "3", spellcheck: "false", placeholder: "Accept: application/json", value: (composed.fields ?? []).map(([name, value]) => `${name}: ${value}`).join("\n") });
const content = el("textarea", { rows: "6", spellcheck: "false", value: composed.hex || (composed.content ?? "") });
const hex = el("input", { type: "checkbox", checked: Boolean(composed.hex) });
const end = select(ENDS, composed.content === undefined ? "\n" : "");
const wait = el("input", { value: "5s", autocomplete: "off", spellcheck: "false" });
const wrong = el("p", { class: "wrong", role: "alert" });
const send = el("button", { class: "main", title: "Ctrl+Enter", text: t("call.send") });
const rest = el("div", { class: "fields" });

const scheme = () => (/^([a-z]+)(\+tls)?:/i.exec(url.value.trim())?.[1] ?? "http").toLowerCase();

/** Show the rows that the scheme has a use for. */
function shape() {
  const now = scheme();
  if (rest.dataset.scheme === now) return;
  rest.dataset.scheme = now;
  const check = el("label", { class: "check" }, hex, t("call.hex"));
  method.hidden = !now.startsWith("http");
  send.hidden = now.startsWith("smtp");
  if (now.startsWith("http")) put(rest, field(t("call.fields"), fields, t("call.fields_hint")), field(t("call.content"), content), check, field(t("call.wait"), wait));
  else if (now === "xmlrpc") put(rest, field(t("call.remote"), remote), field(t("call.arguments"), args, t("call.arguments_hint")), field(t("call.wait"), wait));
  else if (now.startsWith("smtp")) put(rest, el("p", { class: "hint", text: t("call.mail") }), el("div", {}, button(t("call.write_mail"), () => openCompose({ server: url.value.trim() }), { icon: "mailbox", kind: "main" })));
  else put(rest, field(t(now === "udp" ? "call.datagram" : "call.content"), content), el("div", { class: "fields two" }, field(t("call.end"), end), field(t("call.wait"), wait)), check);
  if (!SCHEMES.includes(now)) put(wrong, t("call.scheme", { scheme: now, known: SCHEMES.join(", ") }));
  else put(wrong);
}

/** The content, as text or as hexadecimal digits. */
const said = (text) => (hex.checked ? { hex: content.value } : { content: text });

/** What the form says, as the API takes it. Throws an ApiError for what cannot be. */
function asked() {
  const now = scheme();
  const call = { url: url.value.trim(), wait: wait.value.trim() || "5s" };
  if (now === "xmlrpc") {
    let values;
    try {
      values = JSON.parse(args.value.trim() || "[]");
    } catch (trouble) {
      throw new ApiError(400, t("call.no_json"), trouble.message);
    }
    return { ...call, method: remote.value.trim(), arguments: Array.isArray(values) ? values : [values] };
  }
  if (now.startsWith("http")) {
    const lines = fields.value.split("\n").map((one) => one.trim()).filter(Boolean);
    const pairs = lines.map((line) => {
      const at = line.indexOf(":");
      if (at < 1) throw new ApiError(400, t("call.no_field", { line }), t("call.fields_hint"));
      return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
    });
    return { ...call, method: method.value, fields: pairs, ...said(content.value) };
  }
  return { ...call, ...said(content.value && content.value + end.value) };
}

async function run() {
  put(wrong);
  send.disabled = true;
  $("#answer").setAttribute("aria-busy", "true");
  try {
    const call = asked();
    const seconds = Number(/^[\d.]+/.exec(call.wait)?.[0] ?? 5) * (call.wait.endsWith("ms") ? 0.001 : call.wait.endsWith("m") ? 60 : 1);
    show(await api.post("call", call, { patience: seconds * 2000 + MARGIN }));
  } catch (trouble) {
    if (trouble.name === "AbortError") return;
    if (!(trouble instanceof ApiError)) throw trouble;
    put(wrong, trouble.what, trouble.cure ? el("span", { class: "cure", text: ` ${trouble.cure}` }) : null);
    put($("#said"), empty(trouble.what, trouble.cure, "warn"));
  } finally {
    send.disabled = false;
    $("#answer").removeAttribute("aria-busy");
  }
}

function show(told) {
  const raw = unpacked(told.base64 ?? "");
  const head = el("div", { class: "row" },
    pill(told.ok ? t("call.ok") : t("call.not_ok"), told.ok ? "good" : "bad"), pill(duration(told.seconds)), pill(bytes(raw.length)),
    told.connection ? el("a", { href: `/traffic/${told.connection}`, text: t("common.in_traffic", { id: told.connection }) }) : null);
  const error = told.error ? el("p", { class: "wrong", text: told.error.what }) : null;
  const entries = [
    ["text", t("call.text"), (panel) => panel.append(told.answer ? code(told.answer) : el("p", { class: "hint", text: t("call.nothing") }))],
    told.anatomy ? ["anatomy", t("call.anatomy"), (panel) => put(panel, messages(told.anatomy))] : null,
    raw.length ? ["hex", t("call.bytes"), (panel) => panel.append(asBytes(raw))] : null,
  ].filter(Boolean);
  const views = tabs(t("call.answer"), entries);
  put($("#said"), head, error, views.list, views.panels);
}

/** The bytes as a hexdump; what the one is that is pointed at stands below. */
function asBytes(raw) {
  const told = el("p", { class: "hint", role: "status" });
  const box = el("div", { class: "octets" }, asHex(raw.subarray(0, MORE)));
  linked(box, raw, (words) => (told.textContent = words));
  return el("div", {}, box, told, raw.length > MORE ? el("p", { class: "hint", text: t("octets.more", { size: bytes(raw.length - MORE) }) }) : null);
}

const form = $("#composer");
form.append(
  el("div", { class: "field" }, el("label", { for: "call-url", text: t("call.url") }), el("div", { class: "address" }, method, url)),
  el("datalist", { id: "endpoints" }, endpoints.map((one) => el("option", { value: one.endpoint, text: one.name }))),
  rest, wrong, el("div", { class: "row end" }, send));
url.id = "call-url";
method.parentElement.classList.add("address");
form.addEventListener("submit", (event) => (event.preventDefault(), run()));
form.addEventListener("keydown", (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && form.requestSubmit());
url.addEventListener("input", shape);
key("s", t("call.title"), t("call.send"), () => form.requestSubmit());
shape();
put($("#said"), empty(t("call.not_yet"), t("call.not_yet_words"), "call"));

await live(() => {});
