// The keys of Traffic, apart from what they do, so that the page about the keyboard can list them.

import { key } from "./keys.js";
import { t } from "./words.js";

/** Register them; `does` has a function per name. */
export function trafficKeys(does = {}) {
  const group = t("keys.traffic");
  const act = (name) => (event) => (does[name] ? does[name](event) : false);
  key("j, ArrowDown", group, t("keys.next"), act("next"));
  key("k, ArrowUp", group, t("keys.previous"), act("previous"));
  key("Enter", group, t("keys.open"), act("open"));
  key("Escape", group, t("keys.close"), act("close"));
  key("p", group, t("keys.pause"), act("pause"));
  key("n", group, t("keys.news"), act("news"));
  key("1", group, t("keys.conversation"), act("conversation"));
  key("2", group, t("keys.timeline"), act("timeline"));
  key("3", group, t("keys.anatomy"), act("anatomy"));
  key("4", group, t("keys.copy"), act("copy"));
  key("x", group, t("keys.hex"), act("hex"));
  key("r", group, t("keys.again"), act("again"));
}
