// What happens on the bench, as it happens: one stream per page, closed while nobody looks, taken up again where it
// broke off. Where the server has no stream to give (503), the same events are asked for once a second.
//
//     off --start--> opening --open--> live
//                       ^  |             | error
//                       |  | error       v
//                       |  +-----> asks `state`: answered by the same run -> polling, then opening again
//                       |                        another run -> reset, then opening
//                       +--- later ------------- no answer -> lost
//                                                401 -> out (and stays so)

import { api } from "./api.js";
import { about } from "./words.js";

export const KINDS = ["connection", "endpoints", "people", "mail", "books", "links", "faults", "skipped"];
// Milliseconds: the first wait after a stream broke off, the longest, between two polls, until a stream is tried again.
const FIRST_WAIT = 250;
const LONGEST_WAIT = 4000;
const POLL = 1000;
const STREAM_AGAIN = 20000;
const MOST = 500;

class Feed {
  #listeners = new Map();
  #source = null;
  #timer = 0;
  #wait = FIRST_WAIT;
  #after = 0;
  #run = null;
  #started = false;
  #polling = false;
  state = "off";

  constructor() {
    document.addEventListener("visibilitychange", () => {
      if (!this.#started) return;
      if (document.hidden) this.#stop("off");
      else this.#open();
    });
    addEventListener("pagehide", () => this.#stop("off"));
    addEventListener("pageshow", (event) => event.persisted && this.#started && this.#open());
  }

  /** Call `what(data)` for each event of `kind`; `reset` means: load everything anew; `state` tells how the feed is. */
  on(kind, what) {
    if (!this.#listeners.has(kind)) this.#listeners.set(kind, []);
    this.#listeners.get(kind).push(what);
  }

  /** Follow from behind `state.sequence` on. */
  start(state) {
    this.#run = runOf(state);
    this.#after = state.sequence;
    this.#started = true;
    if (!document.hidden) this.#open();
  }

  #tell(kind, data) {
    for (const what of this.#listeners.get(kind) ?? []) what(data);
  }

  #become(state) {
    if (this.state === state) return;
    this.state = state;
    this.#tell("state", state);
  }

  #stop(state) {
    this.#source?.close();
    this.#source = null;
    clearTimeout(this.#timer);
    this.#polling = false;
    this.#become(state);
  }

  #open() {
    this.#source?.close();
    clearTimeout(this.#timer);
    const source = new EventSource(`/api/events/stream?after=${this.#after}`);
    this.#source = source;
    source.onopen = () => {
      this.#wait = FIRST_WAIT;
      this.#polling = false;
      this.#become("live");
    };
    source.onerror = () => {
      if (source !== this.#source) return;
      source.close(); // when to try again is ours to say: the browser's own wait is long, and ends at a 503
      this.#source = null;
      this.#look();
    };
    for (const kind of KINDS) source.addEventListener(kind, (event) => this.#take(kind, event.data, event.lastEventId));
    source.addEventListener("reset", (event) => this.#reset(Number(event.lastEventId)));
  }

  #take(kind, data, id) {
    if (id) this.#after = Number(id);
    this.#tell(kind, JSON.parse(data));
  }

  #reset(sequence) {
    if (sequence) this.#after = sequence;
    this.#tell("reset", null);
  }

  /** Find out why there is no stream. */
  async #look() {
    try {
      const state = await api.get("state");
      if (runOf(state) !== this.#run) {
        this.#run = runOf(state);
        this.#after = state.sequence;
        this.#tell("reset", null);
        return this.#later(() => this.#open());
      }
      if (this.#wait === FIRST_WAIT) return this.#later(() => this.#open());
      this.#polling = true;
      const until = Date.now() + STREAM_AGAIN;
      this.#become("polling");
      await this.#poll(until);
    } catch (trouble) {
      if (trouble.status === 401) return this.#stop("out");
      if (trouble.name === "AbortError") return undefined;
      this.#become("lost");
      this.#later(() => (document.hidden ? undefined : this.#open()));
    }
    return undefined;
  }

  #later(what) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(what, this.#wait);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
  }

  async #poll(until) {
    const answer = await api.get("events", { after: this.#after, limit: MOST });
    if (!this.#polling) return;
    if (answer.oldest > this.#after + 1) this.#reset(answer.sequence);
    for (const { id, kind, data } of answer.events) {
      this.#after = id;
      if (kind === "reset") this.#reset(id);
      else this.#tell(kind, data);
    }
    if (Date.now() > until) return this.#open();
    this.#timer = setTimeout(() => this.#poll(until).catch(() => this.#look()), answer.events.length < MOST ? POLL : 0);
    return undefined;
  }
}

const runOf = (state) => `${state.run} ${state.started}`;

export const feed = new Feed();

/**
 * Fill the page and follow: `load(state)` now, with the state that came with the page, and at every reset. What happens
 * while it loads is told after it, since the feed goes on from where that state was.
 */
export async function live(load) {
  await load(about.state);
  feed.on("reset", async () => load(await api.get("state")));
  feed.start(about.state);
}
