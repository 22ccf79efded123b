// Hello over HTTP in Node: `node http_hello.js PORT`.
const body = "Hello World!";
require("http")
  .createServer((request, response) => {
    response.writeHead(200, { "Content-Type": "text/plain; charset=utf-8", "Content-Length": body.length });
    response.end(body);
  })
  .listen({ port: Number(process.argv[2]), host: "127.0.0.1", backlog: 4096 });
