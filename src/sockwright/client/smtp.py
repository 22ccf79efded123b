"""Sending a mail: dials, and does what `protocols.submission` says."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from email.utils import formatdate, make_msgid

from sockwright import config
from sockwright.endpoint import Endpoint
from sockwright.errors import ConfigError, PeerError, ServiceError
from sockwright.protocols.submission import Handed, Order, Say, SayQuietly, StartTls, submission
from sockwright.transport.connection import Connection
from sockwright.transport.dial import CONNECT_WAIT, client_context, dial
from sockwright.wire.compose import Composed, Letter, compose
from sockwright.wire.smtp import Replies, Reply

# A reply should come at once; the one to a whole mail may need a disk and a filter (RFC 5321, 4.5.3.2 is more patient
# than any person).
WAIT = 10.0
CONTENT_WAIT = 60.0
QUIT_WAIT = 1.0

LOGIN_NOT_SHOWN = "(a login, not shown)"

# Told every line of the dialogue: who said it (">" we, "<" the server), and what.
Heard = Callable[[str, str], None]


def _unheard(who: str, line: str) -> None:
    pass


def send_letter(
    endpoint: Endpoint,
    letter: Letter,
    *,
    user: str = "",
    password: str = "",
    wait: float | None = None,
    heard: Heard = _unheard,
) -> Handed:
    """Send `letter` by the server at `endpoint`, and return what it said.

    Raises: ServiceError where it refuses; PeerError, OSError as `dial` does; ValueError for what cannot be sent.
    """
    domain = letter.sender.rpartition("@")[2].strip("> ") or "localhost"
    domain = domain if domain.isascii() and domain.replace("-", "").replace(".", "").isalnum() else "localhost"
    made = compose(letter, formatdate(localtime=True), make_msgid(domain=domain))
    return send_composed(endpoint, made, user=user, password=password, wait=wait, heard=heard)


def send_composed(
    endpoint: Endpoint,
    made: Composed,
    *,
    user: str = "",
    password: str = "",
    wait: float | None = None,
    heard: Heard = _unheard,
) -> Handed:
    """Send what is composed already; the rest as `send_letter`."""
    starttls = endpoint.options.get("starttls", "if-offered")
    if starttls not in ("required", "if-offered", "no"):
        raise ConfigError(f"starttls={starttls} makes no sense", cure="write starttls=required, if-offered or no")
    if wait is None and "wait" in endpoint.options:
        wait = config.duration(endpoint.options["wait"])
    with dial(endpoint, wait or CONNECT_WAIT) as connection:
        host = connection.local.host
        order = Order(
            made.sender,
            made.recipients,
            made.content,
            name=f"[IPv6:{host}]" if ":" in host else f"[{host}]",
            utf8=made.utf8,
            starttls=starttls,
            secure=endpoint.tls,
            user=user,
            password=password,
            clear_login=endpoint.is_loopback,
        )
        return _Talk(connection, endpoint, wait, heard).run(order)


class _Talk:
    def __init__(self, connection: Connection, endpoint: Endpoint, wait: float | None, heard: Heard) -> None:
        self._connection = connection
        self._endpoint = endpoint
        self._wait = wait
        self._heard = heard
        self._replies = Replies()
        self._came: list[Reply] = []

    def run(self, order: Order) -> Handed:
        steps = submission(order)
        reply: Reply | None = None
        try:
            while True:
                step = steps.send(reply)
                if isinstance(step, StartTls):
                    self._start_tls()
                    reply = None
                    continue
                if isinstance(step, Say):
                    self._say(step)
                is_content = isinstance(step, Say) and step.data.endswith(b".\r\n") and len(step.data) > 64
                reply = self._listen(CONTENT_WAIT if is_content else WAIT)
        except StopIteration as done:
            handed: Handed = done.value
            self._quit()
            return handed
        except ServiceError:
            self._quit()
            raise

    def _quit(self) -> None:
        """Take leave; what comes of it changes nothing any more."""
        with contextlib.suppress(OSError, PeerError):
            self._say(Say(b"QUIT\r\n"))
            self._listen(QUIT_WAIT)

    def _say(self, step: Say) -> None:
        if isinstance(step, SayQuietly):
            self._heard(">", LOGIN_NOT_SHOWN)
        else:
            lines = step.data.decode("utf-8", "backslashreplace").split("\r\n")[:-1]
            for line in lines:
                self._heard(">", line)
        self._connection.send(step.data, self._wait or CONTENT_WAIT)

    def _listen(self, usual: float) -> Reply:
        wait = self._wait if self._wait is not None else usual
        deadline = time.monotonic() + wait
        peer = self._connection.peer
        while not self._came:
            arrival = self._connection.read(max(deadline - time.monotonic(), 0.0))
            if arrival is None:
                if time.monotonic() >= deadline:
                    raise TimeoutError(f"{peer} did not reply within {config.duration_text(wait)}")
                continue
            if not arrival.data:
                raise ConnectionResetError(f"{peer} hung up without a reply")
            if arrival.data[:1] in (b"\x15", b"\x16"):
                raise PeerError("this looks like TLS, where a mail server should greet")
            self._came += self._replies.feed(arrival.data)
        reply = self._came.pop(0)
        for number, line in enumerate(reply.lines, 1):
            self._heard("<", f"{reply.code}{' ' if number == len(reply.lines) else '-'}{line}")
        return reply

    def _start_tls(self) -> None:
        if self._came or self._replies.pending:
            # Somebody on the way put words behind the reply, to be believed under TLS (CVE-2021-38371 and its kin).
            raise PeerError("something came behind the reply to STARTTLS", section="RFC 3207, 4.2")
        name = self._endpoint.options.get("sni") or self._endpoint.host
        self._connection.start_tls(client_context(self._endpoint), name, self._wait or CONNECT_WAIT)
        self._heard("=", f"TLS: {self._connection.tls}")


def refused_words(handed: Handed) -> Sequence[str]:
    """Return a line per recipient that was refused."""
    return [f"{one} was refused: {reply}" for one, reply in handed.refused.items()]
