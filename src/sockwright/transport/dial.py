"""Dialling: from an endpoint to a connection, over whichever of the host's addresses answers first.

Blocking calls with deadlines, for clients that wait anyway. Addresses are tried in turn, the next one as soon as
one fails or keeps us waiting (RFC 8305, made light: no memory of what worked, no separate lookups per family).
Trouble keeps its builtin name and says in words what happened: `ConnectionRefusedError`, `TimeoutError`,
`socket.gaierror`, `ssl.SSLError`. What is said over the connection is none of our business.
"""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Sequence
from itertools import chain, zip_longest
from typing import Any

from sockwright import config
from sockwright.endpoint import Endpoint, Peer
from sockwright.errors import ConfigError, PeerError
from sockwright.transport.connection import Connection
from sockwright.transport.datagram_connection import DatagramConnection

CONNECT_WAIT = 5.0  # seconds for name, connection and TLS together: a person waits no longer without a word
NEXT_ADDRESS = 0.25  # seconds until the next address is tried beside the first (RFC 8305, 5)

Address = tuple[int, Any]  # family, what the socket module calls an address


def dial(endpoint: Endpoint, wait: float = CONNECT_WAIT, tls: ssl.SSLContext | None = None) -> Connection:
    """Return a connection to `endpoint`, under TLS where it says so (`tls`: with that context, else a new one).

    Raises: OSError of the kind that fits (see above), after at most `wait` seconds; PeerError where TLS is expected
    and something else comes.
    """
    context = tls or (client_context(endpoint) if endpoint.tls else None)
    deadline = time.monotonic() + wait  # reading a hundred CA certificates is not the peer's delay
    addresses = resolve(endpoint.host, endpoint.port, socket.SOCK_STREAM, wait)
    sock = _race(endpoint, addresses, deadline, wait)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(sock, context if endpoint.tls else None, endpoint.options.get("sni") or endpoint.host)
    except BaseException:
        sock.close()
        raise
    try:
        connection.shake_hands(max(deadline - time.monotonic(), 0.0))
    except ssl.SSLError:
        connection.close()
        if _is_tls(connection.first):
            raise
        said = (
            "our own greeting came back" if connection.first[5:6] == b"\x01" else f"it said {connection.first[:40]!r}"
        )
        raise PeerError(f"{connection.peer} does not speak TLS: {said}") from None
    except BaseException:
        connection.close()
        raise
    return connection


def _is_tls(first: bytes) -> bool:
    """Tell whether the peer's first bytes are a TLS record, and not our own hello come back as an echo."""
    return not first or (first[0] in (20, 21, 22, 23) and first[1:2] == b"\x03" and first[5:6] != b"\x01")


def dial_datagrams(endpoint: Endpoint, wait: float = CONNECT_WAIT) -> list[DatagramConnection]:
    """Return a socket for each of the host's addresses, tied to it so that strangers' datagrams never reach us.

    UDP has no handshake: which address answers shows only when something is sent to it.
    """
    opened: list[DatagramConnection] = []
    trouble: OSError | None = None
    for family, address in resolve(endpoint.host, endpoint.port, socket.SOCK_DGRAM, wait):
        try:
            sock = socket.socket(family, socket.SOCK_DGRAM)
            try:
                sock.connect(address)
            except BaseException:
                sock.close()
                raise
            opened.append(DatagramConnection(sock))
        except OSError as wrong:
            trouble = wrong
    if not opened and trouble is not None:
        raise _told(trouble, endpoint)
    return opened


def resolve(host: str, port: int, kind: int, wait: float) -> list[Address]:
    """Return the addresses of `host`, families taking turns, the system's favourite first.

    Raises: socket.gaierror for a name that is not known, TimeoutError when nobody says in `wait` seconds.
    """
    with contextlib.suppress(socket.gaierror, UnicodeError):
        return _addresses(socket.getaddrinfo(host, port, type=kind, flags=socket.AI_NUMERICHOST))
    found: list[Any] = []

    def ask() -> None:
        try:
            found.append(socket.getaddrinfo(host, port, type=kind))
        except OSError as wrong:
            found.append(wrong)
        except UnicodeError as wrong:  # a label that is empty or too long for a name
            found.append(socket.gaierror(socket.EAI_NONAME, f"is not a name ({wrong})"))

    # The system's resolver knows no deadline; a thread may wait for it longer than we do.
    asking = threading.Thread(target=ask, name="sockwright-resolver", daemon=True)
    asking.start()
    asking.join(wait)
    if not found:
        raise TimeoutError(f"nobody said within {config.duration_text(wait)} what address {host} has")
    if isinstance(found[0], OSError):
        raise socket.gaierror(found[0].errno, f"the name {host!r} is not known ({found[0].strerror})")
    return _addresses(found[0])


def _addresses(entries: Iterable[tuple[Any, ...]]) -> list[Address]:
    families: dict[int, list[Address]] = {}
    for family, _, _, _, address in entries:
        known = families.setdefault(family, [])
        if (family, address) not in known:
            known.append((family, address))
    return [one for one in chain.from_iterable(zip_longest(*families.values())) if one is not None]


def _race(endpoint: Endpoint, addresses: Sequence[Address], deadline: float, wait: float) -> socket.socket:
    """Connect to the first address that answers."""
    waiting = list(addresses)
    failed: list[OSError] = []
    running: dict[socket.socket, Any] = {}
    with selectors.DefaultSelector() as selector:
        try:
            next_start = 0.0
            while True:
                now = time.monotonic()
                while waiting and (now >= next_start or not running):
                    family, address = waiting.pop(0)
                    sock = _begin(family, address, failed)
                    if sock is not None:
                        running[sock] = address
                        selector.register(sock, selectors.EVENT_WRITE)
                        next_start = now + NEXT_ADDRESS
                if not running:
                    raise _worst(failed, addresses, endpoint)
                if now >= deadline:
                    places = " and ".join(str(Peer(*address[:2])) for _, address in addresses[:2])
                    raise TimeoutError(f"no answer from {places} within {config.duration_text(wait)}")
                until = min(deadline, next_start) if waiting else deadline
                for key, _ in selector.select(max(until - now, 0.0)):
                    sock = key.fileobj  # type: ignore[assignment]
                    assert sock is not None
                    selector.unregister(sock)
                    address = running.pop(sock)
                    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    if not code:
                        return sock
                    failed.append(OSError(code, os.strerror(code), str(Peer(*address[:2]))))
                    sock.close()
                    next_start = 0.0  # no need to be polite: the next one at once
        finally:
            for sock in running:
                sock.close()


def _begin(family: int, address: Any, failed: list[OSError]) -> socket.socket | None:
    sock = None
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setblocking(False)
        code = sock.connect_ex(address)
        if code in (0, errno.EINPROGRESS, errno.EWOULDBLOCK):
            return sock
        raise OSError(code, os.strerror(code))
    except OSError as wrong:
        if sock is not None:
            sock.close()
        failed.append(OSError(wrong.errno, wrong.strerror, str(Peer(*address[:2]))))
        return None


def _worst(failed: Sequence[OSError], addresses: Sequence[Address], endpoint: Endpoint) -> OSError:
    """Return the failure that says most: that somebody refused tells more than that a family is not connected."""
    refused = [wrong for wrong in failed if isinstance(wrong, ConnectionRefusedError)]
    if refused:
        places = " and ".join(dict.fromkeys(str(wrong.filename) for wrong in refused))
        return ConnectionRefusedError(errno.ECONNREFUSED, f"nobody listens at {places}")
    return _told(failed[-1], endpoint)


def _told(wrong: OSError, endpoint: Endpoint) -> OSError:
    # OSError chooses the subclass by the number, so a TimeoutError of the system stays one.
    return OSError(wrong.errno, f"cannot reach {endpoint.authority}: {wrong.strerror}")


def client_context(endpoint: Endpoint, ca: str | None = None, verify: bool = True) -> ssl.SSLContext:
    """Return the context for calling `endpoint`: it trusts the system's CAs and our own local one, or only `ca`.

    The endpoint's options say the same (`ca=FILE`, `verify=no`), and `cert=FILE&key=FILE` who we are.

    Raises: ConfigError naming the file that does not do.
    """
    ca = ca or endpoint.options.get("ca")
    word = endpoint.options.get("verify", "yes")
    if word not in ("yes", "no"):
        raise ConfigError(f"verify={word} in {endpoint} makes no sense", cure="write verify=yes or verify=no")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # older Pythons take a cut answer for a whole one
    certificate = endpoint.options.get("cert")
    try:
        if not verify or word == "no":
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif ca is not None:
            context.load_verify_locations(ca)
        else:
            context.load_default_certs()
            own = config.home().data / "tls" / "ca.pem"
            if own.is_file():
                context.load_verify_locations(own)
        if certificate:
            context.load_cert_chain(certificate, endpoint.options.get("key"))
    except ssl.SSLError as wrong:
        raise ConfigError(
            f"a certificate file for {endpoint} is none: {wrong.reason or wrong}", cure="it must be a PEM file"
        ) from None
    except OSError as wrong:
        raise ConfigError(f"cannot read {wrong.filename or ca or certificate}: {wrong.strerror}") from None
    return context
