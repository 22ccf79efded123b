// Making elements. Text goes in as text nodes and attributes as attributes: nothing of what a peer said is ever parsed
// as HTML, so it cannot run. No module of the console uses innerHTML or its like; a test looks.

const SVG = "http://www.w3.org/2000/svg";
const LINKS = new Set(["href", "src", "action", "formaction"]);

/**
 * Make an element. `about`: `class`, `on` {event: function}, `data` {name: value}, `text`, else attributes; false, null
 * and undefined leave an attribute out. Children are elements or strings.
 */
export function el(tag, about = {}, ...children) {
  return filled(document.createElement(tag), about, children);
}

/** Make an SVG element. */
export function svg(tag, about = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), about, children);
}

/** An icon of static/icons.svg. */
export function icon(name) {
  return svg("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("use", { href: `/static/icons.svg#${name}` }));
}

/** Put `children` in the place of all that `node` has. */
export function put(node, ...children) {
  node.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

function filled(node, about, children) {
  for (const [name, value] of Object.entries(about)) {
    if (value === false || value === null || value === undefined) continue;
    if (name === "on") for (const [event, what] of Object.entries(value)) node.addEventListener(event, what);
    else if (name === "data") Object.assign(node.dataset, value);
    else if (name === "text") node.textContent = value;
    else if (name === "value") node.value = value;
    else if (name.startsWith("on")) throw new Error(`${name}: listeners go into \`on\``);
    else if (LINKS.has(name)) node.setAttribute(name, safe(value));
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Only what leads to a page: never javascript: or data:. */
function safe(address) {
  const scheme = new URL(address, location.href).protocol;
  return ["http:", "https:", "mailto:", "blob:"].includes(scheme) ? address : "about:blank";
}
