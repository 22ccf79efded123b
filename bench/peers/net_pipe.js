"use strict";
// A relay of Node's own streams: each side piped into the other.
const net = require("net");
const [port, target] = process.argv.slice(2).map(Number);
net
  .createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const server = net.connect({ port: target, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    client.pipe(server).pipe(client);
    for (const [one, other] of [[client, server], [server, client]]) one.on("error", () => other.destroy());
  })
  .listen({ port, host: "127.0.0.1", backlog: 4096 });
