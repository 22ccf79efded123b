// Writing a mail, and sending it by a server: this bench's own, or any other.

import { api, ApiError } from "./api.js";
import { dialogue } from "./dialogue.js";
import { el, put } from "./dom.js";
import { button, dialog, field, select, toast } from "./parts.js";
import { about, t } from "./words.js";

// Milliseconds: mail servers take their time.
const PATIENCE = 60000;

const servers = () => (about.state?.endpoints ?? []).filter((one) => one.scheme.startsWith("smtp")).map((one) => one.endpoint);
const people = (text) => text.split(/[,;\n]/).map((one) => one.trim()).filter(Boolean);

/** Open the form; `draft` fills it. */
export function openCompose(draft = {}) {
  dialog(t("mailbox.compose"), (body, close) => {
    const text = (name, more = {}) => el("input", { value: draft[name] ?? "", autocomplete: "off", spellcheck: "false", ...more });
    const known = servers();
    const list = el("datalist", { id: "servers" }, known.map((value) => el("option", { value })));
    const server = el("input", { value: draft.server ?? known[0] ?? "smtp://:7025", list: "servers", required: true, autocomplete: "off", spellcheck: "false" });
    const sender = text("sender", { required: true, placeholder: "ann@example.org" });
    const to = text("to", { required: true, placeholder: "bob@example.org, eve@example.org", autofocus: true });
    const cc = text("cc");
    const bcc = text("bcc");
    const subject = text("subject", { spellcheck: "true" });
    const words = el("textarea", { rows: "7", value: draft.text ?? "" });
    const html = el("textarea", { rows: "4", spellcheck: "false", class: "mono" });
    const user = text("user");
    const password = el("input", { type: "password", autocomplete: "off" });
    const starttls = select([["if-offered", t("mailbox.tls_if_offered")], ["required", t("mailbox.tls_required")], ["no", t("mailbox.tls_no")]]);
    const wrong = el("div", { class: "wrong", role: "alert" });
    const send = el("button", { class: "main", text: t("mailbox.send") });
    const form = el("form", { class: "fields" },
      field(t("mailbox.server"), server), list,
      el("div", { class: "fields two" }, field(t("mailbox.from"), sender), field(t("mailbox.to"), to)),
      field(t("mailbox.subject"), subject), field(t("mailbox.text"), words),
      el("details", {}, el("summary", { text: t("mailbox.more") }), el("div", { class: "fields" },
        el("div", { class: "fields two" }, field(t("mailbox.cc"), cc), field(t("mailbox.bcc"), bcc)), field(t("mailbox.as_html"), html),
        el("div", { class: "fields two" }, field(t("mailbox.user"), user), field(t("mailbox.password"), password), field("STARTTLS", starttls)))),
      wrong, el("div", { class: "row end" }, send));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      send.disabled = true;
      put(wrong);
      try {
        const mail = { server: server.value.trim(), sender: sender.value.trim(), to: people(to.value), cc: people(cc.value), bcc: people(bcc.value), subject: subject.value, text: words.value, starttls: starttls.value };
        if (html.value.trim()) mail.html = html.value;
        if (user.value) Object.assign(mail, { user: user.value, password: password.value });
        const told = await api.post("mails/send", mail, { patience: PATIENCE });
        if (!told.ok) {
          const refused = Object.entries(told.refused).map(([who, reply]) => el("p", { text: `${who}: ${reply}` }));
          put(wrong, told.error ? el("p", { text: told.error.what }) : null, refused, told.dialogue.length ? dialogue(told.dialogue.map(turn)) : null);
          return undefined;
        }
        toast(t("mailbox.sent"));
        put(body, el("p", { text: t("mailbox.sent_words") }), dialogue(told.dialogue.map(turn)), el("div", { class: "row end" }, button(t("common.close"), close, { kind: "main" })));
      } catch (trouble) {
        if (!(trouble instanceof ApiError)) throw trouble;
        put(wrong, el("p", { text: trouble.what }), trouble.cure ? el("p", { class: "cure", text: trouble.cure }) : null);
      } finally {
        send.disabled = false;
      }
      return undefined;
    });
    body.append(form);
  }).open();
}

/** A turn of the dialogue, as the API tells it: `{side, text}`. */
const turn = ({ side, text }) => [side, text];
