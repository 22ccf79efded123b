// People: who is connected, and who came and went while one looked.

import { api, attempt } from "./api.js";
import { $, el, put } from "./dom.js";
import { feed, live } from "./feed.js";
import { badge, button, code, empty, sure } from "./parts.js";
import { cell, Rows } from "./rows.js";
import { ago, clock, exact } from "./time.js";
import { number, t } from "./words.js";

// Lines of what came and went that are kept.
const MOST_NEWS = 200;

const present = new Map();
let wanted = "";
let frame = 0;

const rows = new Rows($("#list"), {
  label: t("people.title"),
  columns: [["id", t("people.id")], ["name", t("people.name")], ["number", t("people.age")], ["since", t("people.since")], ["peer mono", t("people.peer")], ["end", ""]],
  key: (one) => one.id,
  fill(row, one) {
    put(row,
      cell("id", `#${one.id}`), cell("name", one.name), cell("number", number(one.age)),
      el("span", { role: "gridcell", class: "since", title: exact(one.since), text: ago(one.since) }), cell("peer mono", one.peer ?? ""),
      cell("end", button(t("people.dismiss"), () => dismiss(one), { kind: "quiet danger small", icon: "leave" })));
  },
});

async function dismiss(one) {
  if (!(await sure(t("people.dismiss_sure", { name: one.name }), t("people.dismiss_words"), t("people.dismiss")))) return;
  await attempt(() => api.remove(`people/${one.id}`));
}

const fits = (one) => !wanted || one.name.toLocaleLowerCase().includes(wanted) || `#${one.id}` === wanted;

/** Show everybody anew, at most once a frame: many may come at once. */
function later() {
  frame ||= requestAnimationFrame(draw);
}

function draw() {
  frame = 0;
  const all = [...present.values()];
  const found = all.filter(fits).sort((one, other) => one.id - other.id);
  rows.items = found;
  const count = $("#count");
  count.textContent = t("people.count", { count: all.length });
  count.hidden = false;
  badge("people", all.length);
  const nobody = $("#nobody");
  $("#list").hidden = !found.length;
  nobody.hidden = found.length > 0;
  if (found.length) return;
  if (all.length) put(nobody, empty(t("people.none_found"), t("people.none_found_words")));
  else if (!nobody.querySelector(".copyable")) put(nobody, empty(t("people.nobody"), t("people.nobody_words"), "people", code(t("people.example"))));
}

function tell({ event, person }) {
  const joined = event === "joined";
  const news = $("#news");
  const words = el("p", {}, person.name, el("span", { class: "quiet-words", text: t(joined ? "people.came" : "people.left", { id: person.id, age: person.age }) }));
  news.prepend(el("li", { class: joined ? "joined" : "left" }, el("time", { text: clock(Date.now() / 1000) }), el("i", { class: "dot" }), words));
  while (news.children.length > MOST_NEWS) news.lastElementChild.remove();
  $(".waiting", news)?.remove();
}

feed.on("people", (told) => {
  if (told.event === "joined") present.set(told.person.id, told.person);
  else present.delete(told.person.id);
  tell(told);
  later();
});

$("[data-search]").addEventListener("input", (event) => {
  wanted = event.target.value.trim().toLocaleLowerCase();
  draw();
});

put($("#news"), el("li", { class: "waiting" }, el("p", { class: "hint", text: t("people.no_news") })));
setInterval(() => document.hidden || rows.refresh(), 15000);

await live(async () => {
  const found = await attempt(() => api.get("people"));
  if (!found) return draw();
  present.clear();
  for (const one of found.people) present.set(one.id, one);
  return draw();
});
