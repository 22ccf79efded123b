// A list of thousands of rows that stays smooth: only those in sight exist. A grid to those who do not see it: one stop
// in the tab order, the selected row is told by aria-activedescendant.

import { el, put } from "./dom.js";
import { name } from "./parts.js";

// Rows that exist above and below what is in sight.
const SPARE = 8;

export class Rows {
  #host;
  #space;
  #head;
  #shown = new Map();
  #about;
  #prefix = name("rows");
  #frame = 0;
  #items = [];
  #places = new Map();
  #height = 32;
  selected = null;

  /**
   * `about`: `label`; `columns` [words or element of each head cell]; `key(item)`; `fill(row, item)` puts the cells
   * (role gridcell) into a row; `height(width)` of a row in pixels; `select(item)` when the selection moved by key or
   * click; `open(item)` at Enter or click; `end()` when the last row came in sight; `scroll()` at each scroll.
   */
  constructor(host, about) {
    this.#about = { height: () => 32, select() {}, open() {}, end() {}, scroll() {}, ...about };
    this.#host = host;
    host.classList.add("rows");
    host.tabIndex = 0;
    host.setAttribute("role", "grid");
    host.setAttribute("aria-label", about.label);
    this.#head = el("div", { class: "rows-line", role: "row", "aria-rowindex": "1" }, about.columns.map(([kind, words]) => el("span", { role: "columnheader", class: kind, text: words })));
    this.#space = el("div", { class: "rows-space", role: "rowgroup" });
    put(host, el("div", { class: "rows-head", role: "rowgroup" }, this.#head), this.#space);
    host.addEventListener("scroll", () => this.#later(), { passive: true });
    host.addEventListener("scroll", () => this.#about.scroll(), { passive: true });
    host.addEventListener("click", (event) => {
      const row = event.target.closest(".rows-space > .rows-line");
      if (!row || event.target.closest("button, input")) return;
      if (event.target.closest("a") && (event.ctrlKey || event.metaKey || event.shiftKey || event.button)) return;
      event.preventDefault();
      this.select(row.item ? this.#about.key(row.item) : null);
      this.#about.open(row.item);
    });
    host.addEventListener("keydown", (event) => {
      const page = Math.max(1, Math.floor(host.clientHeight / this.#height) - 2);
      const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[event.key];
      if (step !== undefined) this.move(step);
      else if (event.key === "Enter" && this.selected !== null && event.target === host) this.#about.open(this.item(this.selected));
      else return;
      event.preventDefault();
    });
    new ResizeObserver(() => this.#measure()).observe(host);
    this.#measure();
  }

  get items() {
    return this.#items;
  }

  /** All rows, in their order. */
  set items(items) {
    this.#items = items;
    this.#places = new Map(items.map((item, place) => [this.#about.key(item), place]));
    this.#host.setAttribute("aria-rowcount", String(items.length + 1));
    this.#space.style.height = `${items.length * this.#height}px`;
    this.#draw();
  }

  item(key) {
    return this.#items[this.#places.get(key)];
  }

  has(key) {
    return this.#places.has(key);
  }

  /** Show one row anew; nothing moves. */
  update(item) {
    const key = this.#about.key(item);
    const place = this.#places.get(key);
    if (place === undefined) return;
    this.#items[place] = item;
    const row = this.#shown.get(key);
    if (row) this.#fill(row, item, place);
  }

  /** Show all rows in sight anew, where their words depend on the time. */
  refresh() {
    for (const row of this.#shown.values()) this.#fill(row, row.item);
  }

  /** Let a row glow for a moment. */
  glow(key) {
    const row = this.#shown.get(key);
    row?.classList.add("fresh");
    row?.addEventListener("animationend", () => row.classList.remove("fresh"), { once: true });
  }

  get atTop() {
    return this.#host.scrollTop < this.#height;
  }

  toTop() {
    this.#host.scrollTop = 0;
  }

  focus() {
    this.#host.focus({ preventScroll: true });
  }

  select(key, { seen = true } = {}) {
    const before = this.#shown.get(this.selected);
    this.selected = key;
    before?.setAttribute("aria-selected", "false");
    if (key !== null && this.has(key) && seen) this.#see(this.#places.get(key));
    this.#draw();
    this.#tellActive();
  }

  /** Move the selection by so many rows. */
  move(step) {
    if (!this.#items.length) return;
    const at = this.#places.get(this.selected);
    const to = at === undefined ? (step === Infinity ? this.#items.length - 1 : 0) : Math.min(this.#items.length - 1, Math.max(0, at + step));
    this.select(this.#about.key(this.#items[to]));
    this.#about.select(this.#items[to]);
  }

  #see(place) {
    const top = place * this.#height;
    const room = this.#host.clientHeight - this.#head.offsetHeight;
    if (top < this.#host.scrollTop) this.#host.scrollTop = top;
    else if (top + this.#height > this.#host.scrollTop + room) this.#host.scrollTop = top + this.#height - room;
  }

  #measure() {
    const height = this.#about.height(this.#host.clientWidth);
    const first = this.#host.scrollTop / this.#height;
    const changed = height !== this.#height;
    this.#height = height;
    this.#host.style.setProperty("--row", `${height}px`);
    this.#space.style.height = `${this.#items.length * height}px`;
    if (changed) {
      this.#host.scrollTop = first * height;
      this.#shown.forEach((row) => row.remove());
      this.#shown.clear();
    }
    this.#draw();
  }

  #later() {
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const first = Math.max(0, Math.floor(this.#host.scrollTop / this.#height) - SPARE);
    const last = Math.min(this.#items.length, Math.ceil((this.#host.scrollTop + this.#host.clientHeight) / this.#height) + SPARE);
    const wanted = new Map();
    for (let place = first; place < last; place++) wanted.set(this.#about.key(this.#items[place]), place);
    for (const [key, row] of this.#shown) {
      if (wanted.has(key)) continue;
      row.remove();
      this.#shown.delete(key);
    }
    for (const [key, place] of wanted) {
      let row = this.#shown.get(key);
      if (!row) {
        row = el("div", { class: "rows-line", role: "row", id: `${this.#prefix}-${key}` });
        this.#shown.set(key, row);
        this.#space.append(row);
        this.#fill(row, this.#items[place], place);
      } else if (row.item !== this.#items[place]) this.#fill(row, this.#items[place], place);
      row.setAttribute("aria-rowindex", String(place + 2));
      row.setAttribute("aria-selected", String(key === this.selected));
      row.style.transform = `translateY(${place * this.#height}px)`;
    }
    this.#tellActive();
    if (this.#items.length && last === this.#items.length) this.#about.end();
  }

  #fill(row, item) {
    row.item = item;
    this.#about.fill(row, item);
  }

  #tellActive() {
    const row = this.#shown.get(this.selected);
    if (row) this.#host.setAttribute("aria-activedescendant", row.id);
    else this.#host.removeAttribute("aria-activedescendant");
  }
}

/** A cell of a row. */
export const cell = (kind, ...content) => el("span", { role: "gridcell", class: kind }, ...content);
