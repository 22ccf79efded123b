// Bytes to look at: as text with its controls to be seen, as a hexdump, or both. Each sign knows which bytes it is, so
// that pointing at one lights up the other.

import { el } from "./dom.js";
import { number, t } from "./words.js";

// Bytes of one piece that are shown until somebody asks for more; and how many more then.
export const FIRST = 2048;
export const MORE = 65536;

const CONTROLS = ["NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "TAB", "LF", "VT", "FF", "CR", "SO", "SI", "DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC", "FS", "GS", "RS", "US"];
// Signs that are there and are not seen, or turn text round: shown by their number (as wire/visible does).
const UNSEEN = /[\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb\u{e0000}-\u{e0fff}\u0080-\u009f]/u;

/** Return the bytes that base64 stands for. */
export const unpacked = (base64) => Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0));

/** Return [{at, size, text, mark}]: the signs of UTF-8 bytes; what is none, and controls, is a mark. */
export function signs(data) {
  const found = [];
  for (let at = 0; at < data.length; ) {
    const byte = data[at];
    const size = byte < 0x80 ? 1 : byte >= 0xc2 && byte < 0xe0 ? 2 : byte >= 0xe0 && byte < 0xf0 ? 3 : byte >= 0xf0 && byte < 0xf5 ? 4 : 0;
    let text = null;
    if (size && at + size <= data.length) {
      try {
        text = decoder.decode(data.subarray(at, at + size));
      } catch {
        text = null;
      }
    }
    if (text === null) found.push({ at, size: 1, text: `\\x${hex(byte)}`, mark: true });
    else if (byte < 32 || byte === 127) found.push({ at, size: 1, text: { 9: "\\t", 10: "\\n", 13: "\\r" }[byte] ?? `\\x${hex(byte)}`, mark: true, control: byte });
    else if (UNSEEN.test(text)) found.push({ at, size, text: `\\u{${text.codePointAt(0).toString(16)}}`, mark: true });
    else found.push({ at, size, text });
    at += found.at(-1).size;
  }
  return found;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const hex = (byte) => byte.toString(16).padStart(2, "0");

/** Text with its controls to be seen. Runs of plain signs are one element, so that 2,000 bytes are not 2,000 of them. */
export function asText(data) {
  const box = el("div", { class: "piece-body" });
  let run = null;
  for (const { at, size, text, mark, control } of signs(data)) {
    if (mark) {
      run = null;
      box.append(el("span", { class: "mark", data: { at, size }, text }));
      if (control === 10) box.append("\n");
    } else if (run && text.length === 1 && size === 1 && run.plain) {
      run.node.firstChild.data += text;
      run.node.dataset.size = Number(run.node.dataset.size) + 1;
    } else {
      run = { node: el("span", { data: { at, size }, text }), plain: size === 1 };
      box.append(run.node);
    }
  }
  return box;
}

/** A hexdump, `width` bytes a line. */
export function asHex(data, width = 16) {
  const box = el("div", { class: "hex piece-body", tabindex: "0", role: "group", "aria-label": t("octets.hex") });
  for (let at = 0; at < data.length; at += width) {
    const row = data.subarray(at, at + width);
    const bytes = el("span", {}, [...row].map((byte, place) => el("i", { class: place === 8 ? "half" : null, data: { at: at + place, size: 1 }, text: hex(byte) })));
    const text = el("span", { class: "signs" }, [...row].map((byte, place) => el("i", { class: byte < 32 || byte > 126 ? "odd" : null, data: { at: at + place, size: 1 }, text: byte < 32 || byte > 126 ? "·" : String.fromCharCode(byte) })));
    box.append(el("span", { class: "at", text: at.toString(16).padStart(6, "0") }), bytes, text);
  }
  return box;
}

/** What a byte is, in words: its place, its value, its name. */
export function named(data, at) {
  const byte = data[at];
  const what = byte < 32 ? CONTROLS[byte] : byte === 127 ? "DEL" : byte < 127 ? `“${String.fromCharCode(byte)}”` : t("octets.of_utf8");
  return t("octets.byte", { at: number(at), hex: `0x${hex(byte).toUpperCase()}`, byte: String(byte), what });
}

/**
 * Light up, inside `box`, what stands for the byte that the pointer is on, or that arrows move to in a hexdump;
 * `tell(text)` says what it is.
 */
export function linked(box, data, tell) {
  let lit = [];
  let current = -1;
  const width = () => box.querySelector(".hex .signs")?.children.length ?? 16;
  const out = () => {
    for (const one of lit) one.classList.remove("lit");
    lit = [];
    CSS.highlights?.delete("lit");
  };
  const light = (at) => {
    out();
    current = at;
    for (const one of box.querySelectorAll("[data-at]")) {
      const first = Number(one.dataset.at);
      const size = Number(one.dataset.size);
      if (at < first || at >= first + size) continue;
      if (one.localName === "i" || one.classList.contains("mark") || one.textContent.length !== size) {
        one.classList.add("lit");
        lit.push(one);
      } else if (CSS.highlights) {
        const range = new Range();
        range.setStart(one.firstChild, at - first);
        range.setEnd(one.firstChild, at - first + 1);
        CSS.highlights.set("lit", new Highlight(range));
      }
    }
    tell(named(data, at));
  };
  box.addEventListener("pointermove", (event) => {
    const one = event.target.closest?.("[data-at]");
    if (!one) return;
    let at = Number(one.dataset.at);
    if (one.localName !== "i" && Number(one.dataset.size) === one.textContent.length) {
      const place = document.caretPositionFromPoint?.(event.clientX, event.clientY);
      if (place?.offsetNode === one.firstChild) at += Math.min(place.offset, one.textContent.length - 1);
    }
    if (at !== current || !lit.length) light(at);
  });
  box.addEventListener("pointerleave", () => (out(), tell("")));
  box.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: width(), ArrowUp: -width() }[event.key];
    if (!step || !event.target.closest(".hex")) return;
    event.preventDefault();
    light(Math.min(data.length - 1, Math.max(0, current + step)));
    lit.find((one) => one.closest(".hex"))?.scrollIntoView({ block: "nearest" });
  });
}
