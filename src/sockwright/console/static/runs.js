// A run of the link checker in words: its state and how far it is.

import { el } from "./dom.js";
import { pill } from "./parts.js";
import { number, t } from "./words.js";

const STATES = { running: ["links.running", "accent"], done: ["links.done", ""], stopped: ["links.stopped", "warn"], failed: ["links.failed", "bad"] };

/** The state, as a pill: what has ended well is green, what found something broken is red. */
export function stateOf(run) {
  if (run.state === "done") return run.broken_count ? pill(t("links.found_broken", { count: run.broken_count }), "bad") : pill(t("links.all_work"), "good");
  const [words, kind] = STATES[run.state] ?? STATES.failed;
  return pill(t(words), kind);
}

/** A bar, and the numbers below it. How many links there will be nobody knows before the end. */
export function progressOf(run) {
  return [
    el("progress", { class: "meter", max: "1", value: run.state === "running" ? null : "1", "aria-label": t("links.progress") }),
    el("span", { class: "hint", text: t("links.so_far", { checked: number(run.checked), found: number(run.found), pages: number(run.pages) }) }),
  ];
}
