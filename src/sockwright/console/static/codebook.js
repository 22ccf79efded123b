// One codebook: its words, a page at a time, each to be changed where it stands.

import { api, attempt, ApiError } from "./api.js";
import { bookTools, removeBook, sizeWords, wrongWords } from "./books.js";
import { $, el, put } from "./dom.js";
import { feed, live } from "./feed.js";
import { button, dialog, empty, field } from "./parts.js";
import { cell, Rows } from "./rows.js";
import { about, t } from "./words.js";

// Words of one answer; milliseconds after the last key, or the last change, until the words are asked for.
const PAGE = 200;
const STILL = 150;

const name = about.name;
const path = `books/${encodeURIComponent(name)}`;
const search = $("[data-search]");
let size = about.size ?? 0;
let more = false;
let loading = false;
let timer = 0;
let asked = 0;

const rows = new Rows($("#words"), {
  label: name,
  columns: [["word", t("codebooks.word")], ["plain", t("codebooks.plain")], ["end", ""]],
  key: (one) => one.word,
  fill(row, one) {
    put(row, cell("word", one.word), cell("plain", one.plain),
      cell("end", button(t("codebooks.change"), () => openWord(one), { icon: "edit", kind: "quiet square small" }), button(t("codebooks.drop"), () => drop(one), { icon: "trash", kind: "quiet square small danger" })));
  },
  open: (one) => one && openWord(one),
  end: () => more && !loading && load(true),
});

function openWord(one = null) {
  dialog(one ? t("codebooks.change") : t("codebooks.add"), (body, close) => {
    const word = el("input", { value: one?.word ?? search.value.trim(), required: true, readonly: Boolean(one), autocomplete: "off", spellcheck: "false", autofocus: !one });
    const plain = el("input", { value: one?.plain ?? "", required: true, autocomplete: "off", spellcheck: "false", autofocus: Boolean(one) });
    const wrong = el("p", { class: "wrong", role: "alert" });
    const form = el("form", { class: "fields" }, el("div", { class: "fields two" }, field(t("codebooks.word"), word), field(t("codebooks.plain"), plain)), wrong, el("div", { class: "row end" }, el("button", { class: "main", text: t("codebooks.save") })));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        await api.put(`${path}/words`, { word: word.value, plain: plain.value });
        close();
        await load();
      } catch (trouble) {
        if (!(trouble instanceof ApiError)) throw trouble;
        put(wrong, wrongWords(trouble));
      }
    });
    body.append(form);
  }).open();
}

async function drop(one) {
  await attempt(async () => {
    await api.remove(`${path}/words`, { word: one.word });
    await load();
  });
}

/** Ask for the words anew, or for those behind the last. */
async function load(behind = false) {
  const mine = ++asked;
  loading = true;
  const after = behind ? rows.items.at(-1)?.word : "";
  const found = await attempt(() => api.get(path, { search: search.value.trim(), after, limit: behind ? PAGE : Math.max(PAGE, Math.min(rows.items.length, 1000)) }));
  if (mine !== asked) return;
  loading = false;
  if (!found) return;
  size = found.size;
  more = found.more;
  rows.items = behind ? [...rows.items, ...found.entries] : found.entries;
  $("#size").textContent = sizeWords(size);
  $("#words").hidden = !rows.items.length;
  const nothing = $("#nothing");
  nothing.hidden = rows.items.length > 0;
  if (!rows.items.length) put(nothing, size ? empty(t("codebooks.not_found"), t("codebooks.not_found_words")) : empty(t("codebooks.empty"), t("codebooks.empty_words"), "codebooks"));
}

function later() {
  clearTimeout(timer);
  timer = setTimeout(load, STILL);
}

search.addEventListener("input", () => {
  const address = new URL(location.href);
  if (search.value.trim()) address.searchParams.set("search", search.value.trim());
  else address.searchParams.delete("search");
  history.replaceState(null, "", address);
  later();
});
feed.on("books", (told) => told.name === name && later());
put($("#tools"),
  bookTools(name, () => size, async (...which) => (await attempt(() => removeBook(...which))) && location.assign("/codebooks"), () => load()),
  button(t("codebooks.add"), () => openWord(), { icon: "plus", kind: "main" }));

await live(() => load());
