// What every page has: the bar with the screens, the theme, how the feed is, the keys that work everywhere.

import { $, $$, el, put } from "./dom.js";
import { feed } from "./feed.js";
import { key, showKeys } from "./keys.js";
import { badge } from "./parts.js";
import { chooseNext, install } from "./theme.js";
import { t } from "./words.js";

const FEED = { off: "shell.feed_off", live: "shell.feed_live", polling: "shell.feed_polling", lost: "shell.feed_lost", out: "shell.feed_out" };

function tellFeed(state) {
  const box = $(".feed");
  box.dataset.feed = state;
  $("span", box).textContent = t(FEED[state]);
  box.title = t(FEED[state]);
  put($("#banner"), state === "out" ? el("p", { class: "banner bad", text: t("shell.out_cure") }) : null);
}

install();
feed.on("state", tellFeed);
feed.on("people", ({ count }) => badge("people", count));
feed.on("mail", ({ count }) => badge("mailbox", count));
$("[data-keys]").addEventListener("click", showKeys);

for (const link of $$("[data-go]")) {
  key(`g ${link.dataset.go}`, t("keys.everywhere"), $("span", link).textContent, () => location.assign(link.href));
}
key("/", t("keys.everywhere"), t("keys.search"), () => {
  const field = $("[data-search]");
  field?.focus();
  field?.select();
});
key("t", t("keys.everywhere"), t("keys.theme"), chooseNext);
key("?", t("keys.everywhere"), t("keys.list"), showKeys);
key("Escape", "", "", (event) => {
  if (event.target.matches?.("input, textarea, select")) event.target.blur();
  else return false;
  return undefined;
});
