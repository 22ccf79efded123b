// Codebooks: all books, and a list of words to try them on.

import { api, attempt, ApiError } from "./api.js";
import { bookTools, openImport, openMake, pageOf, removeBook, sizeWords, wrongWords } from "./books.js";
import { $, el, put } from "./dom.js";
import { feed, live } from "./feed.js";
import { button, copyButton, empty, field, segments, select } from "./parts.js";
import { t } from "./words.js";

// Milliseconds after the last key until the words are asked for.
const STILL = 150;

const books = new Map();
let way = "decode";
let timer = 0;
let asked = 0;

const book = select([["", t("codebooks.every_book")]]);
const words = el("textarea", { rows: "3", spellcheck: "false", value: "khoor zruog", placeholder: t("codebooks.try_hint") });
const answer = el("output", { class: "plain-words", "aria-live": "polite" });
const wrong = el("p", { class: "wrong", role: "alert" });
const ways = segments(t("codebooks.way_of_try"), [["decode", t("codebooks.decode")], ["encode", t("codebooks.encode")]], way, (value) => ((way = value), later()));

put($("#try"),
  el("div", { class: "row" }, ways.node), field(t("codebooks.book"), book), field(t("codebooks.list"), words),
  el("div", { class: "field" }, el("div", { class: "row" }, el("span", { class: "label", text: t("codebooks.answer") }), copyButton(() => [...answer.children].map((one) => one.textContent).join(" "))), answer), wrong);
put($("#tools"), button(t("codebooks.import"), () => openImport("", (name) => location.assign(pageOf(name))), { icon: "upload" }), button(t("codebooks.make"), openMake, { icon: "plus", kind: "main" }));
book.addEventListener("change", later);
words.addEventListener("input", later);

function later() {
  clearTimeout(timer);
  timer = setTimeout(translate, STILL);
}

async function translate() {
  const list = words.value.split(/\s+/).filter(Boolean);
  const mine = ++asked;
  if (!list.length) return put(answer, el("span", { class: "hint", text: t("codebooks.try_empty") }));
  try {
    const told = await api.post(way, { words: list, book: book.value });
    if (mine !== asked) return undefined;
    put(wrong);
    return put(answer, told.words.map((plain, at) => (plain === null ? el("span", { class: "unknown", text: list[at], title: t("codebooks.unknown") }) : el("span", { text: plain }))));
  } catch (trouble) {
    if (trouble.name === "AbortError") return undefined;
    if (!(trouble instanceof ApiError)) throw trouble;
    return put(wrong, wrongWords(trouble));
  }
}

async function remove(name, size) {
  if (await attempt(() => removeBook(name, size))) {
    books.delete(name);
    draw();
  }
}

function draw() {
  const chosen = book.value;
  const names = [...books.keys()].sort((one, other) => one.localeCompare(other));
  put(book, el("option", { value: "", text: t("codebooks.every_book") }), names.map((name) => el("option", { value: name, text: name, selected: name === chosen })));
  if (!names.length) return put($("#books"), empty(t("codebooks.none"), t("codebooks.none_words"), "codebooks"));
  const lines = names.map((name) =>
    el("tr", {}, el("td", {}, el("a", { href: pageOf(name), text: name })), el("td", { class: "number", text: sizeWords(books.get(name)) }), el("td", {}, bookTools(name, () => books.get(name), remove, load))));
  return put($("#books"), el("table", { class: "table" }, el("thead", {}, el("tr", {}, el("th", { text: t("codebooks.name") }), el("th", { class: "number", text: t("codebooks.size") }), el("th", {}, el("span", { class: "unseen", text: t("codebooks.tools") })))), el("tbody", {}, lines)));
}

async function load() {
  const found = await attempt(() => api.get("books"));
  books.clear();
  for (const one of found?.books ?? []) books.set(one.name, one.size);
  draw();
  await translate();
}

feed.on("books", ({ name, size }) => {
  if (size === null || size === undefined) books.delete(name);
  else books.set(name, size);
  draw();
  later();
});

await live(load);
