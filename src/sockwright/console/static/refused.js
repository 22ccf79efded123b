// Mail that was refused: by which words, and where the whole dialogue is.

import { api, attempt } from "./api.js";
import { openCompose } from "./compose.js";
import { $, el, put } from "./dom.js";
import { feed, live } from "./feed.js";
import { button, empty } from "./parts.js";
import { clock, exact } from "./time.js";
import { t } from "./words.js";

// Milliseconds after a connection has ended until the list is asked for anew.
const STILL = 300;
let timer = 0;

async function load() {
  const found = await attempt(() => api.get("mails/refused"));
  if (!found) return;
  const lines = found.refused.map((one) =>
    el("tr", {}, el("td", { class: "number", title: exact(one.opened), text: clock(one.opened) }), el("td", { class: "mono", text: one.peer }), el("td", { class: "mono words", text: one.sender || one.said }), el("td", { class: "mono words", text: one.reply }), el("td", { class: "words", text: one.ending }), el("td", {}, el("a", { href: `/traffic/${one.number}`, text: t("mailbox.dialogue") }))));
  const heads = [t("mailbox.received"), t("mailbox.by"), t("mailbox.asked"), t("mailbox.reply"), t("mailbox.ended"), ""];
  put($("#refused"), lines.length ? el("table", { class: "table refused-table" }, el("thead", {}, el("tr", {}, heads.map((words) => el("th", { text: words })))), el("tbody", {}, lines)) : empty(t("mailbox.none_refused"), t("mailbox.none_refused_words"), "mailbox"));
}

feed.on("connection", (one) => {
  if (one.proto !== "smtp" || one.state === "open") return;
  clearTimeout(timer);
  timer = setTimeout(load, STILL);
});
put($("#tools"), button(t("mailbox.compose"), () => openCompose(), { icon: "edit", kind: "main" }));

await live(load);
