// The keyboard: single keys and sequences (`g t`), each with a description, all listed by `?`.

import { el } from "./dom.js";
import { dialog } from "./parts.js";
import { t } from "./words.js";

// Milliseconds until a begun sequence is forgotten.
const PATIENCE = 1200;

const known = [];
let begun = "";
let timer = 0;

/**
 * Do `what(event)` when `keys` are pressed: one key (`j`, `Enter`, `ArrowDown`), a sequence (`g t`), or several of them
 * ("j, ArrowDown"). `group` and `about` are words for the list. Not while typing, except Escape. A `what` that returns
 * false leaves the key to the next one that wants it.
 */
export function key(keys, group, about, what) {
  for (const one of keys.split(", ")) known.push({ keys: one, group, about, what, shown: one === keys.split(", ")[0] });
}

const typing = (node) => node.matches?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key !== "Escape" && (typing(event.target) || document.querySelector("dialog[open]"))) return;
  // letters are taken by their place on the keyboard where another alphabet is set (Cyrillic: `о` is where `j` is)
  const pressed = /^[^\x00-\x7f]$/.test(event.key) && /^Key[A-Z]$/.test(event.code) ? event.code[3].toLowerCase() : event.key;
  const now = begun ? `${begun} ${pressed}` : pressed;
  clearTimeout(timer);
  const meant = known.some((one) => one.keys === now) ? now : pressed;
  begun = "";
  for (const one of known) {
    if (one.keys !== meant || one.what(event) === false) continue;
    event.preventDefault();
    return;
  }
  if (known.some((one) => one.keys.startsWith(`${pressed} `))) {
    begun = pressed;
    timer = setTimeout(() => (begun = ""), PATIENCE);
    event.preventDefault();
  }
});

/** The lists of all keys of this page, one per group. */
export function listed() {
  const groups = new Map();
  for (const one of known) {
    if (!one.shown || !one.about) continue;
    if (!groups.has(one.group)) groups.set(one.group, []);
    groups.get(one.group).push(one);
  }
  const lists = [];
  for (const [group, entries] of groups) {
    const names = { ArrowDown: "↓", ArrowUp: "↑", Escape: "Esc" };
    const list = el("dl", { class: "keys" });
    for (const { keys, about } of entries) {
      list.append(el("dt", {}, keys.split(" ").map((one) => el("kbd", { text: names[one] ?? one }))), el("dd", { text: about }));
    }
    lists.push(el("section", {}, el("h3", { text: group }), list));
  }
  return lists;
}

/** Show the list. */
export function showKeys() {
  dialog(t("shell.keys"), (body) => body.append(...listed())).open();
}
