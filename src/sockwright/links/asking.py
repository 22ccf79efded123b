"""What is asked of a server and what came back: the seam between those who decide and those who speak HTTP.

An engine is told what to ask and says how it ended. It follows no redirect, retries nothing, remembers no
cookie and judges nothing: that is done above it, once, for all engines.

Values of the link checker are msgspec's structs, not dataclasses: a run makes them by the hundred thousand, and a
command that is through after half a second pays for each class it defines. A struct takes a tenth to define and a
third to make.
"""

from __future__ import annotations

import enum
from typing import Protocol

from msgspec import Struct, field

from sockwright import __version__

# What servers see. Some turn away whatever does not begin like a browser, so it does, and then tells its name.
USER_AGENT = f"Mozilla/5.0 (compatible; sockwright/{__version__}; link checker)"
ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"  # as browsers do, for the same reason
ROBOTS_NAME = "sockwright"  # the product token that robots.txt files may address (RFC 9309, 2.2.1)


class Limits(Struct, frozen=True):
    """How much one exchange may cost. Times are seconds, sizes bytes."""

    connect: float = 5.0  # name, connection and TLS together
    first_byte: float = 10.0  # from the start to the first byte of a status line
    total: float = 20.0
    head: int = 64_000  # all fields of all responses of one exchange; libcurl's own limit is 300 kB
    fields: int = 500  # a hundred would do for anybody honest; some honest sites send 120
    informational: int = 10  # 1xx responses before the final one
    body: int = 5_000_000  # as it came over the wire
    inflated: int = 20_000_000  # after decompression
    ratio: int = 100  # of the two; looked at from 1 MB on, since a short page of blanks is no bomb
    discard: int = 64_000  # a body nobody needs is read up to here, to keep the connection; else we hang up


class Body(enum.IntEnum):
    """How much of the answer's content somebody needs."""

    NONE = 0  # the head is enough
    PAGE = 1  # all of it, where it is a kind of document that has links or anchors
    TEXT = 2  # as PAGE, and the text that a reader would see as well
    ALL = 3  # all of it, whatever it is (robots.txt)


class Ask(Struct):
    """One request, for one exchange."""

    url: str  # canonical, without fragment and without credentials
    method: str = "GET"
    body: Body = Body.NONE
    fields: tuple[tuple[str, str], ...] = ()  # besides Host, User-Agent, Accept and Accept-Encoding
    owner: object = None  # whose request it is; the engine hands it back untouched


class Exchange(Struct):
    """How one request ended: the proof behind a verdict."""

    ask: Ask
    status: int = 0  # 0 where no final response came
    version: str = ""  # "HTTP/1.1", "HTTP/2"
    phrase: str = ""
    fields: list[tuple[str, str]] = field(default_factory=list)  # names in lower case, as received in order
    content: bytes = b""  # what was kept of the body, decompressed
    # "" | dns | refused | unreachable | connect-time-out | head-time-out | body-time-out | tls | reset |
    # not-http | head | informational | body | coding | private | url | other
    trouble: str = ""
    detail: str = ""  # what the network or the library said of it
    cut: str = ""  # why the body was not read to its end, where that was our choice
    wire: int = 0  # bytes of the body that came
    address: str = ""  # who answered, "192.0.2.1:443"
    started: float = 0.0  # seconds since the epoch
    seconds: float = 0.0
    latency: float = 0.0  # seconds to the first byte of the response, without connecting
    first: dict[str, str] | None = None  # of each field, for `value`
    expires: float = 0.0  # when the certificate ends, seconds since the epoch; 0 where it is not known

    def value(self, name: str) -> str:
        """Return the first value of the field `name` (lower case), or an empty string."""
        if self.first is None:
            self.first = dict(reversed(self.fields))
        return self.first.get(name, "")


class Engine(Protocol):
    """Who speaks HTTP."""

    lacks: frozenset[str]  # what it cannot do of what another one can

    def start(self, ask: Ask) -> None:
        """Begin an exchange; there may be many at once. Never waits, never raises for what the peer does."""

    def wait(self, seconds: float) -> list[Exchange]:
        """Return the exchanges that have ended, after waiting at most `seconds` for the first of them."""

    def watch(self, fd: int) -> None:
        """Have `wait` return, too, when there is something to read at `fd`; -1 ends that."""

    def close(self) -> None:
        """Break off what is under way and let go of every connection."""


# What OpenSSL's verification says (x509_vfy.h), in words that tell apart what a person does about it.
CERTIFICATE = {
    9: "its certificate is not valid yet",
    10: "its certificate has expired",
    18: "its certificate is self-signed",
    19: "its certificate is signed by an authority of its own making",
    20: "its certificate's issuer is unknown (is an intermediate certificate missing?)",
    21: "its certificate's issuer is unknown (is an intermediate certificate missing?)",
    23: "its certificate has been revoked",
    62: "its certificate is for another host",
    64: "its certificate is for another host",
}
