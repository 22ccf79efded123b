// Links: start a check, and see all that were started.

import { api, attempt, ApiError } from "./api.js";
import { $, el, put } from "./dom.js";
import { feed, live } from "./feed.js";
import { button, empty, field } from "./parts.js";
import { progressOf, stateOf } from "./runs.js";
import { clock, exact } from "./time.js";
import { about, t } from "./words.js";

const runs = new Map();
let frame = 0;

const site = (about.state?.endpoints ?? []).find((one) => one.scheme === "http");
const url = el("input", { required: true, value: new URL(location.href).searchParams.get("url") ?? site?.endpoint ?? "", placeholder: t("links.example"), autocomplete: "off", spellcheck: "false", class: "mono", autofocus: true, data: { search: "" } });
const recursive = el("input", { type: "checkbox", checked: true });
const depth = el("input", { type: "number", min: "0", max: "100", value: "5" });
const pages = el("input", { type: "number", min: "1", max: "100000", value: "1000" });
const wrong = el("p", { class: "wrong", role: "alert" });
const send = el("button", { class: "main", text: t("links.begin") });

$("#begin").append(
  el("div", { class: "begin-line" }, field(t("links.url"), url), send),
  el("div", { class: "begin-more" }, el("label", { class: "check" }, recursive, t("links.recursive")), field(t("links.depth"), depth), field(t("links.pages"), pages)), wrong);
$("#begin").addEventListener("submit", async (event) => {
  event.preventDefault();
  send.disabled = true;
  try {
    const { run } = await api.post("links", { url: url.value.trim(), recursive: recursive.checked, depth: Number(depth.value), pages: Number(pages.value) });
    location.assign(`/links/${run.id}`);
  } catch (trouble) {
    if (!(trouble instanceof ApiError)) throw trouble;
    put(wrong, trouble.what, trouble.cure ? el("span", { class: "cure", text: ` ${trouble.cure}` }) : null);
  } finally {
    send.disabled = false;
  }
});
recursive.addEventListener("change", () => (depth.disabled = pages.disabled = !recursive.checked));

async function remove(run) {
  await attempt(async () => {
    await api.remove(`links/${run.id}`);
    runs.delete(run.id);
    draw();
  });
}

function draw() {
  frame = 0;
  const all = [...runs.values()].sort((one, other) => other.began - one.began);
  if (!all.length) return put($("#runs"), empty(t("links.none"), t("links.none_words"), "links"));
  const lines = all.map((run) =>
    el("tr", {}, el("td", {}, el("a", { href: `/links/${run.id}`, text: run.url })), el("td", {}, stateOf(run)), el("td", {}, progressOf(run)), el("td", { title: exact(run.began), text: clock(run.began) }),
      el("td", {}, button(run.state === "running" ? t("links.stop") : t("links.forget"), () => remove(run), { icon: run.state === "running" ? "close" : "trash", kind: "quiet square small danger" }))));
  const heads = [t("links.url"), t("links.state"), t("links.progress"), t("links.started")];
  return put($("#runs"), el("table", { class: "table" }, el("thead", {}, el("tr", {}, heads.map((words) => el("th", { text: words })), el("th", {}, el("span", { class: "unseen", text: t("links.stop") })))), el("tbody", {}, lines)));
}

feed.on("links", (run) => {
  if (run.state === "forgotten") runs.delete(run.id);
  else runs.set(run.id, { ...runs.get(run.id), ...run });
  frame ||= requestAnimationFrame(draw);
});

await live(async () => {
  const found = await attempt(() => api.get("links"));
  runs.clear();
  for (const one of found?.runs ?? []) runs.set(one.id, one);
  draw();
});
