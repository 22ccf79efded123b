"""Codebook: a line of enciphered words in, the line of plain words out."""

import socketserver
import sys

CODEBOOK = {"khoor": "hello", "zruog": "world", "тулезх": "привет", "плу": "мир"}


class Decipher(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            words = line.decode().split()
            plain = [CODEBOOK.get(word, "?" + word) for word in words]
            self.wfile.write(" ".join(plain).encode() + b"\n")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 7053
    with Server(("127.0.0.1", port), Decipher) as server:
        print("listening", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("bye")
