// TCP echo in Node: `node net_echo.js PORT`.
require("net")
  .createServer({ noDelay: true }, (socket) => {
    socket.on("data", (data) => socket.write(data));
    socket.on("error", () => socket.destroy());
  })
  .listen({ port: Number(process.argv[2]), host: "127.0.0.1", backlog: 4096 });
