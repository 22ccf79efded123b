// Commands to paste into a terminal: an endpoint's, by tool, and the panel that is shown where nothing has happened yet.

import { el } from "./dom.js";
import { code, select, tabs } from "./parts.js";
import { t } from "./words.js";

const TOOLS = [["sockwright", "sockwright"], ["nc", "nc"], ["curl", "curl"], ["python", "Python"]];
// What is tried first, best first: what every tool can speak to, then what shows most.
const FIRST = ["http http", "echo tcp", "greet tcp"];

/** Tabs with the commands that try `place`, those that make sense there. */
export function tries(place, chosen = "sockwright") {
  const made = TOOLS.filter(([tool]) => place.try?.[tool]).map(([tool, words]) => [tool, words, code(place.try[tool])]);
  if (!made.length) return el("p", { class: "hint", text: t("paste.none") });
  const { list, panels } = tabs(t("paste.tools"), made, { chosen, change: (tool) => sessionStorage.setItem("tool", tool) });
  return el("div", {}, list, panels);
}

/** The panel: what to paste, for an endpoint that can be chosen. null where nothing listens that could be tried. */
export function paste(places) {
  const useful = places.filter((place) => TOOLS.some(([tool]) => place.try?.[tool]));
  if (!useful.length) return null;
  const called = (place) => `${place.name} ${place.scheme}`;
  const first = FIRST.map((one) => useful.find((place) => called(place) === one)).find(Boolean) ?? useful[0];
  const box = el("div", {}, tries(first));
  const which = select(useful.map((place) => [place.endpoint, `${place.name}  ${place.endpoint}`]), first.endpoint, { id: "paste-which" });
  which.addEventListener("change", () => {
    box.replaceChildren(tries(useful.find((place) => place.endpoint === which.value), sessionStorage.getItem("tool") ?? undefined));
  });
  return el("div", { class: "card paste" },
    el("div", { class: "words" },
      el("h2", { text: t("paste.title") }),
      el("p", { text: t("paste.words") }),
      el("div", { class: "field" }, el("label", { for: "paste-which", text: t("paste.which") }), which),
      el("p", { class: "waiting" }, el("i", { class: "dot" }), t("paste.waiting"))),
    box);
}
