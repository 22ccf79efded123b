"""The lecture's XML-RPC server, `is_even`, in the modes the standard library has: `xmlrpc_parity.py MODE PORT`."""

from __future__ import annotations

import sys
from socketserver import ThreadingMixIn
from typing import Any, cast
from xmlrpc.server import SimpleXMLRPCRequestHandler, SimpleXMLRPCServer


def is_even(n: int) -> bool:
    """Tell whether a number is even."""
    return n % 2 == 0


class Kept(SimpleXMLRPCRequestHandler):
    """Keeps its connections (HTTP/1.1), and sends an answer in one write."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True


class Plain(SimpleXMLRPCServer):
    """As it comes, with the backlog it should have had."""

    request_queue_size = 4096


class Threads(ThreadingMixIn, Plain):
    """A thread per connection."""

    daemon_threads = True


def main(mode: str, port: int) -> None:
    """Serve until killed."""
    address = ("127.0.0.1", port)
    if mode == "plain":
        server: SimpleXMLRPCServer = Plain(address, logRequests=False)
    elif mode == "threads":
        server = Threads(address, logRequests=False)
    elif mode == "threads-kept":
        server = Threads(address, Kept, logRequests=False)
    else:
        sys.exit(f"no mode {mode}")
    server.register_function(cast(Any, is_even))  # its annotation wants arguments of XML-RPC's whole union
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
