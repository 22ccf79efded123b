// Faults of one endpoint: what is set, in words, and the form that sets more, made of the bench's own catalogue.

import { api, show } from "./api.js";
import { el, put } from "./dom.js";
import { button, dialog, field, pill, segments, select, toast } from "./parts.js";
import { duration } from "./time.js";
import { number, t } from "./words.js";

// Before the name of a network, among the names of faults.
const NET = "net:";

const WAYS = { up: "faults.up", down: "faults.down", both: "faults.both" };

/** A fault that is set, in a few words. */
export function faultWords(one, now = Date.now() / 1000) {
  const words = [one.fault];
  if (one.to !== "down") words.push(t(WAYS[one.to]));
  if (one.rate < 1) words.push(`${number(one.rate * 100)} %`);
  if (one.until !== null) words.push(duration(Math.max(0, Math.ceil(one.until - now))));
  return words.join(" · ");
}

/** Whether a fault of the catalogue makes sense at an endpoint. */
function fits(kind, place) {
  const protocol = { https: "http", smtps: "smtp" }[place.scheme] ?? place.scheme;
  const carrier = protocol === "udp" ? "datagram" : "stream";
  return (!kind.on?.length || kind.on.includes(carrier)) && (!kind.protocols?.length || kind.protocols.includes(protocol));
}

/** What a network does at an endpoint, and where its figures are from. */
function network(net, place) {
  const ways = [["down", net.down], ["up", net.up], ...(place.scheme === "udp" ? [["both", net.udp]] : [])];
  const does = ways.flatMap(([way, texts]) => [`${t(`faults.${way}`)}: `, el("code", { text: texts.join(" ") }), "; "]);
  return [...does.slice(0, -1), ". ", t("faults.source", { source: net.source })];
}

/** Open the form for `place`; `done` is called when something was set or healed. */
export async function openFaults(place, done) {
  let known;
  try {
    known = await api.get("faults");
  } catch (trouble) {
    return show(trouble);
  }
  const kinds = known.catalogue.filter((kind) => fits(kind, place));
  const set = known.places.find((one) => one.endpoint === place.endpoint)?.faults ?? place.faults;
  dialog(t("faults.title", { name: place.name }), (body, close) => {
    const about = el("p", { class: "hint fault-about" });
    const groups = [[kinds.map((kind) => [kind.name, kind.name]), t("faults.single")], [known.profiles.map((net) => [NET + net.name, net.name]), t("faults.networks")]];
    const which = select([["", t("faults.choose")], ...groups], "", { autofocus: true, required: true });
    const text = el("input", { type: "text", class: "mono", required: true, spellcheck: "false", autocomplete: "off", placeholder: "latency=200ms" });
    const written = field(t("faults.written"), text);
    let to = "down";
    const ways = segments(t("faults.way"), [["down", t("faults.down")], ["up", t("faults.up")], ["both", t("faults.both")]], to, (value) => (to = value));
    const net = () => known.profiles.find((one) => NET + one.name === which.value);
    which.addEventListener("change", () => {
      const kind = kinds.find((one) => one.name === which.value);
      text.value = kind?.example ?? "";
      written.hidden = Boolean(net());
      text.required = !net();
      put(about, net() ? network(net(), place) : (kind?.about ?? ""));
      if (net()) ways.press((to = "both"));
    });
    const share = el("input", { type: "text", inputmode: "numeric", placeholder: "100%", autocomplete: "off" });
    const last = el("input", { type: "text", placeholder: t("faults.until_healed"), autocomplete: "off" });
    const seed = el("input", { type: "text", inputmode: "numeric", placeholder: place.seed ? String(place.seed) : "", autocomplete: "off" });
    const wrong = el("p", { class: "wrong", role: "alert" });
    const form = el("form", { class: "fields" },
      el("div", { class: "fields two" }, field(t("faults.kind"), which), written),
      about,
      el("div", { class: "field" }, el("span", { class: "label", text: t("faults.way") }), ways.node),
      el("div", { class: "fields three" }, field(t("faults.share"), share), field(t("faults.for"), last), field(t("faults.seed"), seed)),
      wrong,
      el("div", { class: "row end" }, button(t("common.cancel"), close), el("button", { type: "submit", class: "main", text: t("faults.set") })));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const asked = { name: place.endpoint, direction: to, ...(net() ? { profile: net().name } : { faults: [text.value.trim()] }) };
      if (share.value.trim()) asked.rate = share.value.trim();
      if (last.value.trim()) asked.for = last.value.trim();
      if (seed.value.trim()) asked.seed = Number(seed.value);
      try {
        await api.post("faults", asked);
      } catch (trouble) {
        if (trouble.what === undefined) throw trouble;
        return put(wrong, trouble.what, trouble.cure ? el("span", { class: "cure", text: ` ${trouble.cure}` }) : null);
      }
      close();
      toast(t("faults.was_set", { fault: asked.profile ?? asked.faults[0], name: place.name }));
      return done();
    });
    if (set.length) {
      body.append(el("div", { class: "row" }, set.map((one) => pill(faultWords(one), "warn")), button(t("faults.heal"), async () => {
        if (await heal(place)) (close(), done());
      }, { icon: "heal", kind: "small" })));
    }
    body.append(form);
  }).open();
  return undefined;
}

/** Take the faults of `place` away (of all without one); tells whether that went well. */
export async function heal(place = null) {
  try {
    await api.remove("faults", { name: place?.endpoint ?? "*" });
  } catch (trouble) {
    show(trouble);
    return false;
  }
  toast(place ? t("faults.healed", { name: place.name }) : t("faults.all_healed"));
  return true;
}
