// What is done with codebooks, from the list as from a book: import, export, remove.

import { api, ask, ApiError } from "./api.js";
import { el, put } from "./dom.js";
import { button, dialog, field, segments, select, sure, toast } from "./parts.js";
import { number, t } from "./words.js";

const FORMS = [["", t("codebooks.form_guessed")], ["csv", "CSV"], ["tsv", "TSV"], ["json", "JSON"]];
const WAYS = [["add", t("codebooks.way_add")], ["overwrite", t("codebooks.way_overwrite")], ["replace", t("codebooks.way_replace")]];
// Milliseconds: a book of a million words takes a while.
const PATIENCE = 120000;

/** The address of a book. */
export const pageOf = (name) => `/codebooks/${encodeURIComponent(name)}`;

/** The words for an error under a form. */
export function wrongWords(trouble) {
  if (!(trouble instanceof ApiError)) throw trouble;
  return [trouble.what, trouble.cure ? el("span", { class: "cure", text: ` ${trouble.cure}` }) : null];
}

/** Ask for a name, and make an empty book. */
export function openMake() {
  dialog(t("codebooks.make"), (body) => {
    const name = el("input", { required: true, maxlength: "64", autofocus: true, autocomplete: "off", spellcheck: "false" });
    const wrong = el("p", { class: "wrong", role: "alert" });
    const form = el("form", { class: "fields" }, field(t("codebooks.name"), name, t("codebooks.name_hint")), wrong, el("div", { class: "row end" }, el("button", { class: "main", text: t("codebooks.make") })));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        await api.post("books", { name: name.value.trim() });
        location.assign(pageOf(name.value.trim()));
      } catch (trouble) {
        put(wrong, wrongWords(trouble));
      }
    });
    body.append(form);
  }).open();
}

/** Choose a file, and take it over whole or not at all. `name` is the book where that is settled. */
export function openImport(name, done) {
  dialog(t("codebooks.import"), (body, close) => {
    const file = el("input", { type: "file", required: true, accept: ".csv,.tsv,.json,.txt,text/*,application/json" });
    const book = el("input", { value: name, required: true, maxlength: "64", readonly: Boolean(name), autocomplete: "off", spellcheck: "false" });
    const form = select(FORMS);
    let how = "add";
    const way = segments(t("codebooks.way"), WAYS, how, (value) => (how = value));
    const wrong = el("p", { class: "wrong report", role: "alert" });
    const send = el("button", { class: "main", text: t("codebooks.import") });
    file.addEventListener("change", () => {
      if (!name && !book.value && file.files[0]) book.value = file.files[0].name.replace(/\.\w+$/, "");
    });
    const sheet = el("form", { class: "fields" }, field(t("codebooks.file"), file, t("codebooks.file_hint")), field(t("codebooks.name"), book), field(t("codebooks.form"), form), el("div", { class: "field" }, el("span", { class: "label", text: t("codebooks.way") }), way.node), wrong, el("div", { class: "row end" }, send));
    sheet.addEventListener("submit", async (event) => {
      event.preventDefault();
      send.disabled = true;
      put(wrong);
      try {
        const path = `books/${encodeURIComponent(book.value.trim())}/import`;
        const told = await ask("POST", path, { query: { as: form.value, how }, body: file.files[0], type: "application/octet-stream", patience: PATIENCE });
        toast(t("codebooks.imported", { count: told.words ?? 0, name: book.value.trim() }));
        close();
        done(book.value.trim());
      } catch (trouble) {
        put(wrong, wrongWords(trouble));
      } finally {
        send.disabled = false;
      }
    });
    body.append(sheet);
  }).open();
}

/** Choose a format, and download the book. */
export function openExport(name) {
  dialog(t("codebooks.export"), (body) => {
    const link = (form, words) => el("a", { class: "button", href: `/api/books/${encodeURIComponent(name)}/export?as=${form}`, download: `${name}.${form}`, text: words });
    body.append(el("p", { text: t("codebooks.export_words", { name }) }), el("div", { class: "row" }, link("csv", "CSV"), link("tsv", "TSV"), link("json", "JSON")));
  }).open();
}

/** Remove a book, if that is meant. */
export async function removeBook(name, size) {
  if (!(await sure(t("codebooks.remove_sure", { name }), t("codebooks.remove_words", { count: size }), t("codebooks.remove")))) return false;
  await api.remove(`books/${encodeURIComponent(name)}`);
  return true;
}

/** The buttons for one book. */
export function bookTools(name, size, removed, imported) {
  const square = "quiet square small";
  return [
    button(t("codebooks.import"), () => openImport(name, imported), { icon: "upload", kind: square }),
    button(t("codebooks.export"), () => openExport(name), { icon: "download", kind: square }),
    button(t("codebooks.remove"), () => removed(name, size()), { icon: "trash", kind: `${square} danger` }),
  ];
}

export const sizeWords = (count) => t("codebooks.words", { count, n: number(count) });
