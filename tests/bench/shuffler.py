"""Servers with a defect that a load generator must find: answers to the wrong peer, no answer at all."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def served(handle: Callable[[list[socket.socket]], None]) -> Iterator[int]:
    """Accept two connections in a thread, hand them over, and close all when the test is through."""
    with contextlib.ExitStack() as stack, socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            with contextlib.suppress(OSError):
                peers = [stack.enter_context(listener.accept()[0]) for _ in range(2)]
                handle(peers)

        thread = threading.Thread(target=run)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)


def shuffled() -> contextlib.AbstractContextManager[int]:
    """Echo what one peer says to the other one."""

    def swap(peers: list[socket.socket]) -> None:
        with selectors.DefaultSelector() as ready:
            ready.register(peers[0], selectors.EVENT_READ, peers[1])
            ready.register(peers[1], selectors.EVENT_READ, peers[0])
            while True:
                for key, _ in ready.select():
                    data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                    if not data:
                        return
                    key.data.sendall(data)

    return served(swap)


def hanging_up() -> contextlib.AbstractContextManager[int]:
    """Close every connection after its first bytes."""

    def close(peers: list[socket.socket]) -> None:
        for peer in peers:
            peer.recv(65536)
            peer.close()

    return served(close)
