// Components: what several pages use and what needs a script. Their looks are in parts.css.

import { $, $$, el, icon, put, svg } from "./dom.js";
import { t } from "./words.js";

// Milliseconds that a toast stays; one that tells of an error stays until it is closed.
const TOAST = 4000;
const MOST_TOASTS = 4;

let made = 0;
/** A name for an element that others refer to. */
export const name = (prefix = "part") => `${prefix}-${++made}`;

/** Say something in the corner. */
export function toast(what, { cure = "", bad = false } = {}) {
  const words = el("div", {}, el("p", { class: "what", text: what }), cure ? el("p", { class: "cure", text: cure }) : null);
  const close = el("button", { type: "button", class: "quiet small square", title: t("common.close"), on: { click: () => box.remove() } }, icon("close"), el("span", { class: "unseen", text: t("common.close") }));
  const box = el("div", { class: bad ? "toast bad" : "toast" }, words, close);
  const all = $("#toasts");
  all.append(box);
  while (all.children.length > MOST_TOASTS) all.firstElementChild.remove();
  if (!bad) setTimeout(() => box.remove(), TOAST);
  return box;
}

/** A button. `about`: `icon`, `kind` (main, quiet, danger, small, square), `title`. */
export function button(words, click, { icon: sign = "", kind = "", title = "", ...more } = {}) {
  const text = kind.includes("square") ? el("span", { class: "unseen", text: words }) : words;
  return el("button", { type: "button", class: kind, title: title || (kind.includes("square") ? words : null), on: { click }, ...more }, sign ? icon(sign) : null, text);
}

/** A button that copies what `text()` returns. */
export function copyButton(text, { kind = "quiet small square", words = t("common.copy") } = {}) {
  const self = button(words, async () => {
    try {
      await navigator.clipboard.writeText(await text());
    } catch {
      return toast(t("common.copy_failed"), { bad: true });
    }
    const use = $("use", self);
    use.setAttribute("href", "/static/icons.svg#done");
    self.classList.add("done");
    setTimeout(() => (use.setAttribute("href", "/static/icons.svg#copy"), self.classList.remove("done")), 1500);
    return toast(t("common.copied"));
  }, { icon: "copy", kind });
  return self;
}

/** Text to be pasted elsewhere, with its copy button. */
export function code(text) {
  return el("div", { class: "copyable" }, el("pre", { class: "code", tabindex: "0" }, el("code", { text })), copyButton(() => text));
}

/** A few words in a coloured pill: good, warn, bad, accent, proto. */
export const pill = (words, kind = "", title = "") => el("span", { class: `pill ${kind}`, text: words, title: title || null });

/** What is said where there is nothing yet. */
export function empty(title, words = "", sign = "", ...more) {
  return el("div", { class: "empty" }, sign ? icon(sign) : null, el("h2", { text: title }), words ? el("p", { text: words }) : null, ...more);
}

/** Names with values: `[[name, value or element], ...]`. */
export function facts(pairs, stacked = false) {
  return el("dl", { class: stacked ? "facts stacked" : "facts" }, pairs.filter(Boolean).map(([dt, dd]) => el("div", {}, el("dt", { text: dt }), el("dd", {}, dd))));
}

/** A row of a form: a label, the control, a hint. The control gets its id and description here. */
export function field(words, control, hint = "") {
  control.id ||= name("field");
  if (hint) control.setAttribute("aria-describedby", `${control.id}-hint`);
  return el("div", { class: "field" }, el("label", { for: control.id, text: words }), control, hint ? el("p", { class: "hint", id: `${control.id}-hint`, text: hint }) : null);
}

/** A select of `[value, words]` pairs; where a value is a list of such pairs, they are a group of that name. */
export function select(pairs, chosen = "", about = {}) {
  const option = ([value, words]) =>
    Array.isArray(value) ? el("optgroup", { label: words }, value.map(option)) : el("option", { value, text: words, selected: value === chosen });
  return el("select", about, pairs.map(option));
}

/**
 * Tabs (WAI-ARIA: one is in the tab order, arrows move). `entries` is [[key, words, panel element or function], ...];
 * a function is called with the panel when it is first shown. Returns {node, panels, select}.
 */
export function tabs(label, entries, { chosen = entries[0][0], change = () => {}, kind = "tabs" } = {}) {
  const prefix = name("tab");
  const list = el("div", { class: kind, role: "tablist", "aria-label": label });
  const panels = el("div", { class: "tab-panels" });
  let current = null;
  for (const [id, words, content] of entries) {
    const tab = el("button", { type: "button", role: "tab", id: `${prefix}-${id}`, "aria-controls": `${prefix}-${id}-panel`, "aria-selected": "false", tabindex: "-1", data: { tab: id }, text: words });
    const panel = el("div", { role: "tabpanel", id: `${prefix}-${id}-panel`, "aria-labelledby": `${prefix}-${id}`, hidden: true });
    if (typeof content !== "function") panel.append(content);
    tab.addEventListener("click", () => pick(id, true));
    list.append(tab);
    panels.append(panel);
  }
  list.addEventListener("keydown", (event) => {
    const all = [...list.children];
    const at = all.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    const next = all[(to + all.length) % all.length];
    next.focus();
    pick(next.dataset.tab, true);
  });
  function pick(id, told = false) {
    if (!entries.some(([one]) => one === id)) id = entries[0][0];
    if (id === current) return;
    current = id;
    [...list.children].forEach((tab, place) => {
      const on = tab.dataset.tab === id;
      tab.setAttribute("aria-selected", String(on));
      tab.tabIndex = on ? 0 : -1;
      panels.children[place].hidden = !on;
      const content = entries[place][2];
      if (on && typeof content === "function" && !panels.children[place].hasChildNodes()) content(panels.children[place]);
    });
    if (told) change(id);
  }
  pick(chosen);
  return { list, panels, select: pick, current: () => current };
}

/** A few choices of which one is pressed: `[[value, words], ...]`. */
export function segments(label, pairs, chosen, change) {
  const box = el("div", { class: "segments", role: "group", "aria-label": label });
  const press = (value) => [...box.children].forEach((one) => one.setAttribute("aria-pressed", String(one.dataset.value === value)));
  for (const [value, words] of pairs) box.append(el("button", { type: "button", data: { value }, text: words, on: { click: () => (press(value), change(value)) } }));
  press(chosen);
  return { node: box, press };
}

/** A dialog; the browser keeps the focus in it and Escape closes it. `fill(body, close)` is called each time it opens. */
export function dialog(title, fill, { closed = () => {} } = {}) {
  const heading = el("h2", { id: name("dialog"), text: title });
  const body = el("div", { class: "dialog-body" });
  const box = el("dialog", { "aria-labelledby": heading.id }, el("div", { class: "dialog-head" }, heading, button(t("common.close"), () => box.close(), { icon: "close", kind: "quiet small square" })), body);
  box.addEventListener("close", () => (box.remove(), closed()));
  box.addEventListener("click", (event) => event.target === box && box.close());
  return {
    box,
    close: () => box.close(),
    open() {
      put(body);
      fill(body, () => box.close());
      document.body.append(box);
      box.showModal();
      $("[autofocus]", box)?.focus();
    },
  };
}

/** Ask before something is lost; resolves to true or false. */
export function sure(title, words, yes) {
  return new Promise((resolve) => {
    let answer = false;
    dialog(title, (body, close) => {
      const accept = button(yes, () => ((answer = true), close()), { kind: "danger", autofocus: true });
      body.append(el("p", { text: words }), el("div", { class: "row end" }, button(t("common.cancel"), close), accept));
    }, { closed: () => resolve(answer) }).open();
  });
}

/** Two lines over time, in and out, mirrored about the middle: `ins` and `outs` are numbers of the same length. */
export function spark(label) {
  const W = 100;
  const H = 32;
  const zero = svg("path", { class: "zero", d: `M0 ${H / 2}H${W}` });
  const paths = ["in-area", "out-area", "in", "out"].map((one) => svg("path", { class: one }));
  const node = svg("svg", { class: "spark", viewBox: `0 0 ${W} ${H}`, preserveAspectRatio: "none", role: "img", "aria-label": label }, zero, ...paths);
  return {
    node,
    draw(ins, outs) {
      const most = Math.max(1, ...ins, ...outs);
      const x = (at) => ((at / (ins.length - 1)) * W).toFixed(1);
      // the root lets a single line of text be seen beside a burst of megabytes
      const y = (value, sign) => (H / 2 + sign * Math.sqrt(value / most) * (H / 2 - 1)).toFixed(1);
      for (const [values, sign, area, edge] of [[ins, -1, paths[0], paths[2]], [outs, 1, paths[1], paths[3]]]) {
        let drawn = "";
        // at rest there is no line but the zero, so only what moves is drawn, from the rest before it to the one behind
        for (let at = 0; at < values.length; at++) {
          if (!values[at]) continue;
          const from = Math.max(0, at - 1);
          while (values[at + 1]) at++;
          const to = Math.min(values.length - 1, at + 1);
          drawn += values.slice(from, to + 1).map((value, place) => `${place ? "L" : "M"}${x(from + place)} ${y(value, sign)}`).join("");
        }
        edge.setAttribute("d", drawn);
        area.setAttribute("d", drawn);
      }
    },
  };
}

/** The number beside a screen's name in the bar; 0 hides it. */
export function badge(screen, count) {
  for (const one of $$(`[data-badge="${screen}"]`)) {
    one.textContent = count > 999 ? "999+" : String(count);
    one.hidden = !count;
  }
}
