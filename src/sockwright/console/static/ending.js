// How a connection ended, in the page's language. The server says it in English; here it is made of what it is made of.

import { t } from "./words.js";

const BY_PEER = { fin: "ending.peer_fin", rst: "ending.peer_rst", "time-out": "ending.peer_silent", error: "ending.peer_broke" };
const BY_TARGET = { fin: "ending.server_fin", rst: "ending.server_rst", error: "ending.server_unreached" };
const BY_US = { fin: "ending.we_fin", rst: "ending.we_rst", "time-out": "ending.timeout", limit: "ending.limit", error: "ending.error", stopped: "ending.stopped" };
const UDP = { fin: "ending.udp_over", "time-out": "ending.udp_silent", limit: "ending.limit", error: "ending.error", stopped: "ending.stopped" };
const SIGNS = { fin: ["", "fin"], rst: ["bad", "rst"], "time-out": ["warn", "clock"], limit: ["warn", "warn"], error: ["bad", "warn"], stopped: ["", "fin"] };

/** Return [words, class, icon] for the end of `connection`; the words have its reason where `why`. */
export function ending(connection, why = true) {
  if (connection.state === "open") return [t("ending.open"), "open", ""];
  if (connection.state === "lost") return [t("ending.lost"), "warn", "warn"];
  const words = connection.proto === "udp" ? UDP : ({ peer: BY_PEER, target: BY_TARGET }[connection.by] ?? BY_US);
  const known = words[connection.end];
  const said = known ? t(known) : connection.ending;
  const [kind, sign] = connection.proto === "udp" && connection.end === "time-out" ? ["", "fin"] : (SIGNS[connection.end] ?? ["", "fin"]);
  return [why && connection.reason ? `${said}: ${connection.reason}` : said, kind, sign];
}

/** Whether a chunk or mark of `direction` is the client's. */
export const isClients = (connection, direction) => (connection.role === "client" ? direction === "sent" : direction === "received");

/** Return [client's address, server's address]. */
export const sides = (connection) => (connection.role === "client" ? [connection.local, connection.peer] : [connection.peer, connection.local]);

/** Return [bytes, chunks] of the client and of the server. */
export function counts(connection) {
  const received = [connection.received, connection.received_chunks];
  const sent = [connection.sent, connection.sent_chunks];
  return connection.role === "client" ? [sent, received] : [received, sent];
}
