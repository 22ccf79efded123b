"""Hello with `http.server` in its best mode, a thread per kept connection: `hello_stdlib.py PORT`."""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODY = b"Hello World!"


class Hello(BaseHTTPRequestHandler):
    """Answer every GET with hello."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and content leave together: two writes would wait for a delayed ACK
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    """With the backlog it should have had."""

    request_queue_size = 4096
    daemon_threads = True


if __name__ == "__main__":
    Server(("127.0.0.1", int(sys.argv[1])), Hello).serve_forever()
