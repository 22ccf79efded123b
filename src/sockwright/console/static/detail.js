// One connection beside the list: who, how much, how it ended; what was said, when, what it means, and how to say it again.

import { anatomy } from "./anatomy.js";
import { api, ApiError, attempt } from "./api.js";
import { Conversation } from "./conversation.js";
import { el, icon, put } from "./dom.js";
import { counts, ending, sides } from "./ending.js";
import { button, code, empty, facts, pill, tabs } from "./parts.js";
import { timeline } from "./timeline.js";
import { bytes, duration, exact } from "./time.js";
import { t } from "./words.js";

const FORMS = [["python", "Python"], ["curl", "curl"], ["nc", "nc"], ["sockwright", "sockwright"]];
export const TABS = ["conversation", "timeline", "anatomy", "copy"];
// Milliseconds between two looks at a connection that goes on.
const LOOK = 300;

export class Detail {
  #node;
  #about;
  #connection = null;
  #talk = new Conversation();
  #number = null;
  #timer = 0;
  #tabs = null;
  #heading = el("div", { class: "pane-head" });
  #body = el("div", { class: "pane-body" });
  tab = TABS[0];

  /** `about`: `close()` when the person is done with it, `tab(name)` when another tab was chosen. */
  constructor(node, about) {
    this.#node = node;
    this.#about = about;
  }

  get number() {
    return this.#number;
  }

  /** Show connection `number`; `known` is what the page was told of it already. */
  async show(number, known = null) {
    const isNew = number !== this.#number;
    this.#number = number;
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#node.hidden = false;
    let connection = known;
    try {
      connection ??= await api.get(`connections/${number}`);
    } catch (trouble) {
      if (!(trouble instanceof ApiError)) throw trouble;
      if (number === this.#number) this.#fail(trouble);
      return;
    }
    if (number !== this.#number) return; // another one was chosen meanwhile
    this.#connection = connection;
    if (isNew || !this.#tabs) this.#build();
    this.#fill();
  }

  /** Something happened to the connection that is shown: look again, at most so often. */
  changed() {
    if (this.#number !== null) this.#timer ||= setTimeout(() => this.show(this.#number), LOOK);
  }

  close() {
    this.#number = null;
    this.#tabs = null;
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#node.hidden = true;
    put(this.#node);
  }

  choose(tab) {
    this.tab = TABS.includes(tab) ? tab : TABS[0];
    this.#tabs?.select(this.tab);
    if (this.#connection && this.#tabs) this.#fillTab();
  }

  look() {
    this.choose(TABS[0]);
    this.#about.tab(TABS[0]);
    this.#talk.look();
  }

  #fail(trouble) {
    this.#tabs = null;
    put(this.#node, el("div", { class: "pane-head" }, el("div", { class: "row end" }, this.#closeButton())), empty(trouble.what, trouble.cure, "warn"));
  }

  #closeButton() {
    return button(t("common.close"), () => this.#about.close(), { icon: "close", kind: "quiet square small" });
  }

  #build() {
    const boxes = TABS.map((tab) => el("div", { data: { box: tab } }));
    this.#tabs = tabs(t("traffic.views"), TABS.map((tab, at) => [tab, t(NAMES[tab]), boxes[at]]), {
      chosen: this.tab,
      change: (tab) => {
        this.tab = tab;
        this.#about.tab(tab);
        this.#fillTab();
      },
    });
    put(this.#body, this.#tabs.panels);
    this.#body.scrollTop = 0;
    put(this.#node, this.#heading, this.#body);
  }

  #fill() {
    const connection = this.#connection;
    const [words, kind] = ending(connection, false);
    const reason = connection.reason && !connection.remark.includes(connection.reason) ? connection.reason : "";
    const [client, server] = sides(connection);
    const [said, answered] = counts(connection);
    const again = el("a", { class: "button small again", title: t("traffic.again"), href: `/call?from=${connection.number}` }, icon("again"), el("span", { text: t("traffic.again") }));
    put(this.#heading,
      el("div", { class: "detail-title" },
        el("h2", {}, el("span", { class: "number", text: `#${connection.number}` }), connection.service || connection.role),
        pill(connection.proto, "proto"),
        connection.tls ? pill(connection.tls, "proto") : null,
        pill(words, { open: "good", bad: "bad", warn: "warn" }[kind] ?? "", words),
        el("span", { class: "grow" }), again, this.#closeButton()),
      el("div", { class: "detail-ways" }, el("span", { class: "client", text: client }), "→", el("span", { class: "server", text: server })),
      facts([
        [t("traffic.opened"), exact(connection.opened)],
        [t("traffic.took"), connection.duration === null ? "…" : duration(connection.duration)],
        [t("traffic.client"), counted(connection, said)],
        [t("traffic.server"), counted(connection, answered)],
        connection.seed ? [t("traffic.seed"), String(connection.seed)] : null,
        connection.faults ? [t("traffic.faults"), String(connection.faults)] : null,
      ]),
      reason ? el("p", { class: "hint", text: reason }) : null,
      connection.remark ? el("p", { class: "remark", text: connection.remark }) : null,
      this.#tabs.list);
    this.#fillTab();
  }

  #fillTab() {
    const tab = this.tab;
    const box = this.#body.querySelector(`[data-box="${tab}"]`);
    const connection = this.#connection;
    if (tab === "conversation") {
      if (!box.contains(this.#talk.node)) put(box, this.#talk.node);
      this.#talk.show(connection);
    } else if (tab === "timeline") put(box, timeline(connection, (place) => this.#reveal(place)));
    else if (tab === "anatomy") attempt(() => anatomy(box, connection));
    else if (box.dataset.of !== String(connection.number)) {
      box.dataset.of = connection.number;
      attempt(() => this.#fillCopies(box, connection.number));
    }
  }

  #reveal(place) {
    this.choose("conversation");
    this.#about.tab("conversation");
    this.#talk.reveal(place);
  }

  async #fillCopies(box, number) {
    const made = await Promise.all(FORMS.map(async ([form, words]) => {
      try {
        return [form, words, code((await api.get(`connections/${number}/copy`, { as: form })).text)];
      } catch (trouble) {
        if (trouble.status === 404 || trouble.status === 422) return null;
        throw trouble;
      }
    }));
    const there = made.filter(Boolean);
    if (!there.length) return put(box, empty(t("traffic.no_copy"), t("traffic.no_copy_why")));
    const { list, panels } = tabs(t("traffic.copy_as"), there, { kind: "segments" });
    panels.classList.add("copies");
    return put(box, el("p", { class: "hint", text: t("traffic.copy_words") }), list, panels);
  }
}

const NAMES = { conversation: "traffic.conversation", timeline: "traffic.timeline", anatomy: "traffic.anatomy", copy: "traffic.copy_tab" };

function counted(connection, [size, chunks]) {
  const unit = connection.proto === "udp" ? "traffic.datagrams" : "traffic.chunks";
  return size === null || size === undefined ? "…" : `${bytes(size)} · ${t(unit, { count: chunks ?? 0 })}`;
}
