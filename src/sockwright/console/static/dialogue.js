// A dialogue in lines: the client left, the server right.

import { api } from "./api.js";
import { el, put } from "./dom.js";
import { t } from "./words.js";

// Characters of one turn that are shown here; all of it is in Traffic.
const MOST = 4000;

/** Said by one side: text of any length. */
const line = (side, text) => el("li", { class: side, text: text.length > MOST ? `${text.slice(0, MOST)}…` : text });

/** A list of `[side, text]`, side being "client", "server" or "note". */
export function dialogue(turns) {
  return el("ol", { class: "dialogue" }, turns.map(([side, text]) => line(side, text.replace(/\r?\n$/, ""))));
}

/** Put what was said in connection `number` into `panel`. */
export async function putConversation(panel, number) {
  const whole = await api.get(`connections/${number}`);
  const client = whole.role === "client" ? "sent" : "received";
  const turns = [];
  for (const item of whole.items) {
    if (item.kind === "fault") turns.push(["note", `${t("common.fault")}: ${item.name} ${item.why}`]);
    if (item.kind !== "chunk") continue;
    const side = item.direction === client ? "client" : "server";
    if (turns.at(-1)?.[0] === side) turns.at(-1)[1] += item.text;
    else turns.push([side, item.text]);
  }
  put(panel, el("p", { class: "hint" }, el("a", { href: `/traffic/${number}`, text: t("common.in_traffic", { id: number }) })), dialogue(turns));
}
