// Mailbox: mails, the newest first, and beside them the one that is open. What a mail says is foreign: text is put in as
// text, its HTML is shown by the server in a sandbox that runs and loads nothing.

import { api, ask, attempt } from "./api.js";
import { openCompose } from "./compose.js";
import { putConversation } from "./dialogue.js";
import { $, el, icon, put } from "./dom.js";
import { feed, live } from "./feed.js";
import { key } from "./keys.js";
import { badge, button, code, copyButton, empty, facts, pill, sure, tabs } from "./parts.js";
import { cell, Rows } from "./rows.js";
import { bytes, clock, exact } from "./time.js";
import { about, t } from "./words.js";

const PAGE = 100;
// Milliseconds after the last key until mails are looked for; characters of a source that are shown.
const STILL = 200;
const MOST_SOURCE = 200_000;

const search = $("[data-search]");
const detail = $("#detail");
const panes = $("#panes");
const fresh = $("#fresh");
let waiting = 0;
let more = false;
let loading = false;
let count = 0;
let open = null;
let timer = 0;
let asked = 0;

const rows = new Rows($("#list"), {
  label: t("mailbox.kept"),
  columns: [["mail-lines", t("mailbox.mail")], ["when", t("mailbox.received")]],
  key: (one) => one.number,
  height: () => 58,
  fill(row, one) {
    put(row,
      cell("mail-lines", el("span", { class: "subject", text: one.subject || t("mailbox.no_subject") }), el("span", { class: "who", text: `${one.author || one.sender || "<>"} → ${one.recipients.join(", ")}` })),
      el("span", { role: "gridcell", class: "when", title: exact(one.received) }, el("span", { text: clock(one.received) }), el("span", { text: bytes(one.size) })));
  },
  open: (one) => one && show(one.number),
  select: (one) => open !== null && show(one.number),
  end: () => more && !loading && load({ behind: true }),
  scroll: () => waiting && rows.atTop && later(0),
});

// -- the list

async function load({ behind = false } = {}) {
  const mine = ++asked;
  loading = true;
  const before = behind ? rows.items.at(-1)?.number : undefined;
  const found = await attempt(() => api.get("mails", { search: search.value.trim(), before, limit: behind ? PAGE : Math.max(PAGE, Math.min(500, rows.items.length)) }));
  if (mine !== asked) return;
  loading = false;
  if (!found) return;
  ({ more, count } = found);
  rows.items = behind ? [...rows.items, ...found.mails] : found.mails;
  tellNew(0);
  const nothing = $("#nothing");
  $("#list").hidden = !rows.items.length;
  nothing.hidden = rows.items.length > 0;
  if (rows.items.length || nothing.dataset.why === (search.value.trim() ? "search" : "none")) return;
  nothing.dataset.why = search.value.trim() ? "search" : "none";
  put(nothing, search.value.trim() ? empty(t("mailbox.not_found"), t("mailbox.not_found_words")) : empty(t("mailbox.none"), t("mailbox.none_words"), "mailbox", code(example())));
}

function example() {
  const server = (about.state?.endpoints ?? []).find((one) => one.scheme === "smtp")?.endpoint ?? "smtp://:7025";
  return `sockwright call ${server} from=ann@example.org to=bob@example.org subject=${t("mailbox.hello")} body=${t("mailbox.hello")}`;
}

function later(wait = STILL) {
  clearTimeout(timer);
  timer = setTimeout(load, wait);
}

/** While one reads further down, the list does not move: the pill tells how many have come. */
function tellNew(number) {
  waiting = number;
  fresh.hidden = !number;
  fresh.textContent = t("mailbox.fresh", { count: number });
}

fresh.addEventListener("click", () => (rows.toTop(), later(0)));
feed.on("mail", ({ event, number, count: now }) => {
  if (event === "arrived" && !rows.atTop) tellNew(waiting + 1);
  else later(50);
  if (event === "removed" && number === open) close();
  badge("mailbox", now ?? count);
});

search.addEventListener("input", () => {
  remember();
  later();
});

// -- the mail that is open

function remember(view = "") {
  const address = new URL(open === null ? "/mailbox" : `/mailbox/${open}`, location.origin);
  if (search.value.trim()) address.searchParams.set("search", search.value.trim());
  if (view && open !== null) address.searchParams.set("view", view);
  if (address.href !== location.href) history[address.pathname === location.pathname ? "replaceState" : "pushState"](null, "", address);
}

async function show(number, view = new URL(location.href).searchParams.get("view") ?? "") {
  const mail = await attempt(() => api.get(`mails/${number}`));
  if (!mail) return;
  open = mail.entry.number;
  remember(view);
  rows.select(open);
  panes.dataset.open = "";
  detail.hidden = false;
  draw(mail, view);
}

function close() {
  open = null;
  remember();
  delete panes.dataset.open;
  detail.hidden = true;
  put(detail);
  rows.select(null);
  rows.focus();
}

function draw(mail, view) {
  const { entry } = mail;
  const heard = (value) => value.join(", ");
  const entries = [
    ["text", t("mailbox.text"), (panel) => panel.append(...textOf(mail))],
    mail.html ? ["html", t("mailbox.as_html"), (panel) => (panel.classList.add("fills"), panel.append(el("iframe", { class: "mail-page", sandbox: "", referrerpolicy: "no-referrer", src: `/mailbox/${entry.number}/html`, title: t("mailbox.as_html") })))] : null,
    ["headers", t("mailbox.headers"), (panel) => panel.append(el("table", { class: "table" }, el("tbody", {}, mail.headers.map(([name, value]) => el("tr", {}, el("th", { scope: "row", text: name }), el("td", { class: "mono", text: value }))))))],
    ["source", t("mailbox.source"), (panel) => putSource(panel, entry)],
    mail.attachments.length ? ["attachments", t("mailbox.attachments", { count: mail.attachments.length }), (panel) => panel.append(attachments(entry.number, mail.attachments))] : null,
    mail.connection ? ["dialogue", t("mailbox.dialogue"), (panel) => attempt(() => putConversation(panel, mail.connection))] : null,
  ].filter(Boolean);
  const views = tabs(t("mailbox.views"), entries, { chosen: entries.some(([id]) => id === view) ? view : "text", change: (id) => remember(id) });
  put(detail,
    el("div", { class: "pane-head" },
      el("div", { class: "mail-head" }, el("h2", { class: "mail-subject", text: entry.subject || t("mailbox.no_subject") }),
        el("span", { class: "row" },
          button(t("mailbox.delete"), () => remove(entry), { icon: "trash", kind: "quiet square small danger" }),
          el("a", { class: "button quiet square small", href: `/api/mails/${entry.number}/source`, download: `${entry.number}.eml`, title: t("mailbox.download") }, icon("download"), el("span", { class: "unseen", text: t("mailbox.download") })),
          button(t("common.close"), close, { icon: "close", kind: "quiet square small" }))),
      facts([
        [t("mailbox.from"), entry.author || entry.sender || "<>"],
        [t("mailbox.to"), entry.to || heard(entry.recipients)],
        [t("mailbox.envelope"), `${entry.sender || "<>"} → ${heard(entry.recipients)}`],
        [t("mailbox.received"), exact(entry.received)],
        [t("mailbox.by"), el("span", {}, entry.peer, entry.tls ? [" ", pill("TLS", "good")] : null, entry.login ? [" ", pill(entry.login, "", t("mailbox.login"))] : null)],
        [t("mailbox.size"), bytes(entry.size)],
      ]),
      mail.defects?.length ? el("p", { class: "wrong", text: t("mailbox.defects", { what: mail.defects.join("; ") }) }) : null,
      views.list),
    views.panels);
}


function textOf(mail) {
  const found = [];
  for (const one of mail.codes ?? []) found.push(el("li", {}, el("span", { text: t("mailbox.code") }), el("span", { class: "code-found", text: one }), copyButton(() => one)));
  for (const one of (mail.links ?? []).slice(0, 20)) found.push(el("li", {}, el("a", { class: "address", href: one, target: "_blank", rel: "noopener noreferrer", text: one, title: one }), copyButton(() => one)));
  return [
    found.length ? el("ul", { class: "mail-found", "aria-label": t("mailbox.found") }, found) : null,
    mail.text ? el("div", { class: "mail-text", text: mail.text }) : el("p", { class: "hint", text: t("mailbox.no_text") }),
  ].filter(Boolean);
}

function attachments(number, list) {
  return el("ul", { class: "attachments" }, list.map((one) =>
    el("li", {}, el("a", { class: "button small", href: `/api/mails/${number}/attachments/${one.index}`, download: one.name || true }, icon("download"), t("mailbox.download")), el("span", { class: "name", text: one.name || t("mailbox.unnamed") }), pill(one.type), el("span", { class: "hint", text: bytes(one.size) }))));
}

async function putSource(panel, entry) {
  const source = await attempt(() => ask("GET", `mails/${entry.number}/source`));
  if (source === undefined) return;
  const shown = source.slice(0, MOST_SOURCE);
  put(panel, el("pre", { class: "mail-source", tabindex: "0", text: shown }), shown.length < source.length ? el("p", { class: "hint", text: t("mailbox.source_cut") }) : null);
}

async function remove(entry) {
  await attempt(async () => {
    await api.remove(`mails/${entry.number}`);
    const at = rows.items.findIndex((one) => one.number === entry.number);
    const next = rows.items[at + 1] ?? rows.items[at - 1];
    await load();
    if (next) await show(next.number);
    else close();
  });
}

async function clear() {
  const words = search.value.trim() ? t("mailbox.clear_found", { count }) : t("mailbox.clear_all", { count });
  if (!(await sure(t("mailbox.clear_sure"), words, t("mailbox.clear")))) return;
  await attempt(async () => {
    await api.remove("mails", { search: search.value.trim() });
    close();
    await load();
  });
}

// -- keys and the rest

put($("#tools"), button(t("mailbox.clear"), clear, { icon: "trash", kind: "quiet" }), button(t("mailbox.compose"), () => openCompose(), { icon: "edit", kind: "main" }));
const group = t("mailbox.title");
key("j, ArrowDown", group, t("mailbox.key_next"), () => rows.move(1));
key("k, ArrowUp", group, t("mailbox.key_previous"), () => rows.move(-1));
key("Enter", group, t("mailbox.key_open"), () => (rows.selected === null ? false : show(rows.selected)));
key("Escape", group, t("mailbox.key_close"), () => (open === null ? false : close()));
key("c", group, t("mailbox.compose"), () => openCompose());
key("Delete", group, t("mailbox.delete"), () => (open === null ? false : remove({ number: open })));
addEventListener("popstate", () => {
  const number = Number(location.pathname.split("/")[2]);
  if (number) show(number);
  else if (open !== null) close();
});

await live(async () => {
  await load();
  const number = open ?? about.number;
  if (number) await show(number, about.view || undefined);
});
