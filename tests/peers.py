"""Peers that misbehave to order: small servers in a thread, each for one client."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import trustme

Talk = Callable[[socket.socket], None]


@contextmanager
def server(talk: Talk, host: str = "127.0.0.1") -> Iterator[int]:
    """A server that talks to one client in a thread; yields its port. What the thread raises, fails the test."""
    failed: list[BaseException] = []
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.settimeout(20)
        listener.bind((host, 0))
        listener.listen()

        def run() -> None:
            try:
                client, _ = listener.accept()
                with client:
                    client.settimeout(20)
                    talk(client)
            except BaseException as wrong:  # noqa: BLE001 - shown below
                failed.append(wrong)

        thread = threading.Thread(target=run)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(20)
    assert not failed, failed


@contextmanager
def blackhole() -> Iterator[int]:
    """A port where nobody answers: its queue is full, so the system drops who knocks."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for each in (first, second):
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        time.sleep(0.05)  # the queue fills in the kernel; nothing tells us when
        yield listener.getsockname()[1]


def echo(client: socket.socket) -> None:
    """Send back what comes, until the peer has had enough, one way or the other."""
    with suppress(ConnectionResetError):
        _echo(client)


def _echo(client: socket.socket) -> None:
    while data := client.recv(65536):
        client.sendall(data)


def until(done: threading.Event) -> Talk:
    def wait(client: socket.socket) -> None:
        done.wait(20)

    return wait


def hang_up(client: socket.socket) -> None:
    client.recv(1000)


def closed_port(host: str = "127.0.0.1") -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def local_ca(home: Path) -> trustme.CA:
    """Make a CA and put it where our own local one is kept, in the user's folder `home`."""
    folder = home / "data" / "tls"
    folder.mkdir(parents=True)
    made = trustme.CA()
    made.cert_pem.write_to_path(str(folder / "ca.pem"))
    return made


def under_tls(ca: trustme.CA, talk: Callable[[ssl.SSLSocket], None], *names: str) -> Talk:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*(names or ("localhost", "127.0.0.1"))).configure_cert(context)

    def run(client: socket.socket) -> None:
        try:
            wrapped = context.wrap_socket(client, server_side=True, suppress_ragged_eofs=False)
        except ssl.SSLError:
            return  # the client did not like us
        with wrapped:
            talk(wrapped)

    return run
