// UDP echo in Node: `node dgram_echo.js PORT`.
const socket = require("dgram").createSocket({ type: "udp4", recvBufferSize: 1 << 20 });
socket.on("message", (data, peer) => socket.send(data, peer.port, peer.address));
socket.bind(Number(process.argv[2]), "127.0.0.1");
