// Asking the API. What goes wrong is an ApiError with what happened and what cures it, and can be shown as it is.

import { toast } from "./parts.js";
import { t } from "./words.js";

// Milliseconds; what takes longer on a loopback has gone wrong.
const PATIENCE = 15000;

export class ApiError extends Error {
  constructor(status, what, cure = "") {
    super(what);
    this.status = status;
    this.what = what;
    this.cure = cure;
  }
}

const leave = new AbortController();
addEventListener("pagehide", () => leave.abort());

/** Ask `/api/path`. `query` and `json` are plain objects; returns what came, or null where nothing did (204). */
export async function ask(method, path, { query = {}, json, body, type, signal, patience = PATIENCE } = {}) {
  const url = new URL(`/api/${path}`, location.origin);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, value);
  }
  const about = { method, credentials: "same-origin", cache: "no-store", headers: { Accept: "application/json" } };
  about.signal = AbortSignal.any([AbortSignal.timeout(patience), leave.signal, ...(signal ? [signal] : [])]);
  if (method !== "GET" && body === undefined) about.headers["Content-Type"] = "application/json";
  if (json !== undefined) about.body = JSON.stringify(json);
  if (body !== undefined) {
    about.body = body;
    if (type) about.headers["Content-Type"] = type;
  }
  let answer;
  try {
    answer = await fetch(url, about);
  } catch (trouble) {
    if (trouble.name === "AbortError") throw trouble;
    const late = trouble.name === "TimeoutError";
    throw new ApiError(0, t(late ? "api.late" : "api.unreachable"), t("api.unreachable_cure"));
  }
  if (answer.status === 204) return null;
  const isJson = (answer.headers.get("Content-Type") ?? "").includes("json");
  const said = isJson ? await answer.json() : await answer.text();
  if (answer.ok) return said;
  if (answer.status === 401) throw new ApiError(401, t("api.signed_out"), t("api.signed_out_cure"));
  const error = said?.error ?? {};
  throw new ApiError(answer.status, error.what ?? t("api.refused", { status: answer.status }), error.cure ?? "");
}

export const api = {
  get: (path, query, more) => ask("GET", path, { query, ...more }),
  post: (path, json, more) => ask("POST", path, { json, ...more }),
  put: (path, json, more) => ask("PUT", path, { json, ...more }),
  remove: (path, query) => ask("DELETE", path, { query }),
};

/** Show an error to the person; one of our own mistakes is thrown on. */
export function show(trouble) {
  if (trouble?.name === "AbortError") return;
  if (!(trouble instanceof ApiError)) throw trouble;
  toast(trouble.what, { cure: trouble.cure, bad: true });
}

/** Do `what`, and show what goes wrong. Returns undefined then. */
export async function attempt(what) {
  try {
    return await what();
  } catch (trouble) {
    return show(trouble);
  }
}
