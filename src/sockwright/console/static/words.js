// The words of the page, in its language. The server put them into a data block; see texts/*.toml.

const texts = JSON.parse(document.getElementById("texts").textContent);
export const about = JSON.parse(document.getElementById("about").textContent);
export const lang = document.documentElement.lang;

const plurals = new Intl.PluralRules(lang);

/** Return the word `table.key`, with {what} filled in. Where it depends on a number, that is `about.count`. */
export function t(name, about = {}) {
  const [table, key] = name.split(".");
  let found = texts[table]?.[key];
  if (found === undefined) throw new Error(`there is no word ${name}`);
  if (typeof found === "object") found = found[plurals.select(about.count)] ?? found.other;
  return found.replace(/\{(\w+)\}/g, (_, what) => (typeof about[what] === "number" ? number(about[what]) : String(about[what])));
}

const whole = new Intl.NumberFormat(lang, { maximumFractionDigits: 0 });

/** Return a whole number as this language writes it. */
export function number(value) {
  return whole.format(value);
}
