"""The lecture's own way: `urllib.request` in threads (`--engine urllib`), where only the standard library may speak.

Each exchange is a blocking call in a worker thread, over a connection of its own. What `http.client` leaves open is
closed here: one deadline for the whole exchange (its time-out is per read, so a server that drips could hold a thread
for ever), heads without end, 1xx answers other than 100, the check of addresses after the name was looked up.

What it cannot do is named in `lacks`.
"""

from __future__ import annotations

import errno
import http.client
import io
import queue
import re
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sockwright.links.appetite import DISCARD_TIME, appetite
from sockwright.links.asking import ACCEPT, CERTIFICATE, USER_AGENT, Ask, Exchange, Limits
from sockwright.links.content import ACCEPTED
from sockwright.links.private import Avoid, is_private

_THREADS = 64
_LOST_MAX = 64  # threads that may hang in a name look-up, which nothing can break off, and be replaced
_SWEEP = 0.1  # seconds between two looks for what has taken too long
_PIECE = 65_536
_VERSION = re.compile(rb"HTTP/(1\.|)[0-9](?:\.[0-9])?(?= )", re.IGNORECASE)


class _Private(OSError):
    """The name leads to an address that is not public."""


class _Avoided(OSError):
    """The name leads where nobody may be led."""


class _HeadTrouble(http.client.HTTPException):
    """The head is cut off, or has no end."""

    def __init__(self, trouble: str, detail: str) -> None:
        super().__init__(detail)
        self.trouble = trouble


@dataclass(slots=True, eq=False)
class _Call:
    """One exchange in a worker thread, as far as the watch must know of it."""

    ask: Ask
    begun: float = 0.0  # 0 while no thread has taken it
    phase: str = "dns"  # what it is waiting for: dns, connect, tls, head, body
    sock: socket.socket | None = None
    address: str = ""
    asked_at: float = 0.0
    head_at: float = 0.0
    expires: float = 0.0  # when the certificate ends, seconds since the epoch
    needed: bool = True  # somebody wants the body
    over: str = ""  # why the watch has broken it off


class _Lines(io.BufferedIOBase):
    """The stream under a response: counts the lines of its head, and knows whether the last one was there."""

    def __init__(self, stream: Any, limits: Limits) -> None:
        self._stream = stream
        self._left = limits.head
        self.last = b"?"
        self.head = True
        self._begun = False  # the status line has come

    def readline(self, limit: int | None = -1, /) -> bytes:
        while True:
            line: bytes = self._stream.readline(limit)
            self.last = line
            if not self.head:
                return line
            self._left -= len(line)
            if self._left < 0:
                raise _HeadTrouble("head", "")
            if (line := self._readable(line)) or not self.last:
                return line

    def _readable(self, line: bytes) -> bytes:
        """Return a line of a head as `http.client` can read it, or nothing for one to pass over, as browsers do.

        Its reader takes the first line that is no field for the end of the head, the length of the body and all.
        """
        if (version := _VERSION.match(line)) is not None:
            self._begun = True
            return line if version[1] == b"1." and line[:5] == b"HTTP/" else b"HTTP/1.1" + line[version.end() :]
        if not self._begun or line in (b"\r\n", b"\n") or line[:1] in (b" ", b"\t"):
            return line
        name, colon, value = line.partition(b":")
        return name.rstrip(b" \t") + colon + value if colon and b" " not in name.rstrip(b" \t") else b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def read(self, size: int | None = -1, /) -> bytes:
        return self._stream.read(size)  # type: ignore[no-any-return]

    def read1(self, size: int = -1, /) -> bytes:
        return self._stream.read1(size)  # type: ignore[no-any-return]

    def readinto(self, buffer: Any, /) -> int:
        return self._stream.readinto(buffer)  # type: ignore[no-any-return]

    def close(self) -> None:
        self._stream.close()


def _response_class(limits: Limits) -> type[http.client.HTTPResponse]:
    class Response(http.client.HTTPResponse):
        """A response behind any number of 1xx ones (RFC 9110, 15.2); `http.client` only knows 100 as such."""

        def begin(self) -> None:
            lines = _Lines(self.fp, limits)
            self.fp = lines  # type: ignore[assignment]  # a stream all the same
            super().begin()
            lines.head = False
            if lines.last not in (b"\r\n", b"\n"):
                raise _HeadTrouble("reset", "closed within the head")

        def _read_status(self) -> tuple[str, int, str]:
            for _ in range(limits.informational + 1):
                version, status, reason = super()._read_status()  # type: ignore[misc]
                if not 100 <= status < 200 or status == 101:
                    return version, status, reason
                while self.fp.readline(65_537).strip():
                    pass
            raise _HeadTrouble("informational", "")

    return Response


class UrllibEngine:
    """An `Engine` on `urllib.request`."""

    lacks: frozenset[str] = frozenset({"http2", "keep-alive", "broken-off look-ups"})

    def __init__(
        self,
        limits: Limits,
        *,
        user_agent: str = USER_AGENT,
        public_only: bool = False,
        resolve: Sequence[str] = (),
        ca_file: str = "",
        proxy: str | None = None,
        avoid: Avoid | None = None,
    ) -> None:
        self._limits = limits
        self._public_only = public_only
        self._avoid = avoid
        self._resolve: dict[tuple[str, int], str] = {}
        for text in resolve:
            host, port, address = text.split(":", 2)
            self._resolve[host.lower(), int(port)] = address.strip("[]")
        # An empty dict: none at all; None: those of the environment.
        self._proxies = {"http": proxy, "https": proxy} if proxy else {} if public_only else None
        self._context = ssl.create_default_context(cafile=ca_file or None)
        self._base = {"User-Agent": user_agent, "Accept": ACCEPT, "Accept-Encoding": ACCEPTED}
        self._response = _response_class(limits)
        self._asks: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._ended: queue.SimpleQueue[tuple[_Call, Exchange]] = queue.SimpleQueue()
        self._calls: set[_Call] = set()  # handed in, and not handed out yet; touched by the caller's thread only
        self._threads: list[threading.Thread] = []
        self._lost = 0

    def start(self, ask: Ask) -> None:
        call = _Call(ask)
        self._calls.add(call)
        if len(self._threads) < min(len(self._calls), _THREADS) + self._lost:
            thread = threading.Thread(target=self._work, name=f"links-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._asks.put(call)

    def wait(self, seconds: float) -> list[Exchange]:
        deadline = time.monotonic() + seconds
        ended: list[Exchange] = []
        while True:
            left = deadline - time.monotonic()
            try:
                call, exchange = self._ended.get(timeout=0.0 if ended else max(0.0, min(left, _SWEEP)))
            except queue.Empty:
                if not ended:
                    ended = self._sweep(time.monotonic())
                if ended or left <= 0:
                    return ended
                continue
            if call in self._calls:  # else the watch has handed it out already
                self._calls.remove(call)
                ended.append(exchange)

    def watch(self, fd: int) -> None:
        """Nothing: beside threads no process is forked that there would be something to hear of."""

    def close(self) -> None:
        for call in self._calls:
            _break_off(call, "closed")
        for _ in self._threads:
            self._asks.put(None)
        for thread in self._threads:
            thread.join(0.0 if self._lost else 1.0)

    # --- the watch, in the caller's thread --------------------------------------------------------------------

    def _sweep(self, now: float) -> list[Exchange]:
        """Break off what has taken too long; return what hangs where nothing can be broken off."""
        limits = self._limits
        lost = []
        for call in self._calls:
            if not call.begun or call.over:
                continue
            spent = now - call.begun
            if call.phase == "dns":
                if spent > limits.connect and self._lost < _LOST_MAX:
                    lost.append(call)
            elif spent > self._allowed(call):
                _break_off(call, "time-out")
            elif call.head_at and not call.needed and now - call.head_at > DISCARD_TIME:
                _break_off(call, "not needed")
        for call in lost:
            self._lost += 1
            self._calls.remove(call)
        return [Exchange(call.ask, trouble="dns-time-out", seconds=now - call.begun) for call in lost]

    def _allowed(self, call: _Call) -> float:
        """Return the seconds that a call may have lasted at this point."""
        limits = self._limits
        if call.phase in ("connect", "tls"):
            return limits.connect
        return limits.total if call.head_at else limits.first_byte

    # --- a worker's side --------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (call := self._asks.get()) is not None:
            call.begun = time.monotonic()
            exchange = Exchange(call.ask, started=time.time())
            try:
                self._ask(call, exchange)
            except Exception as wrong:  # noqa: BLE001  what a hostile answer does to the library is a finding
                exchange.trouble, exchange.detail = _trouble(call, exchange, wrong)
                if call.over == "not needed":
                    exchange.trouble, exchange.detail, exchange.cut = "", "", call.over
            exchange.address, exchange.expires = call.address, call.expires
            exchange.seconds = time.monotonic() - call.begun
            self._ended.put((call, exchange))

    def _ask(self, call: _Call, exchange: Exchange) -> None:
        # No handler for redirects, errors, cookies or passwords: those are not the engine's.
        opener = urllib.request.OpenerDirector()
        opener.add_handler(urllib.request.ProxyHandler(self._proxies))
        opener.add_handler(_Plain(self._connection(http.client.HTTPConnection, call)))
        make = self._connection(http.client.HTTPSConnection, call, context=self._context)
        opener.add_handler(_Secure(make, self._context))
        request = urllib.request.Request(call.ask.url, headers=self._base, method=call.ask.method)
        for name, value in call.ask.fields:
            request.add_header(name, value)
        with opener.open(request, timeout=self._limits.total) as response:
            self._read(call, exchange, response)

    def _read(self, call: _Call, exchange: Exchange, response: http.client.HTTPResponse) -> None:
        now = time.monotonic()
        call.phase, call.head_at = "body", now
        exchange.latency = now - call.asked_at
        exchange.status, exchange.phrase = response.status, response.reason
        exchange.version = f"HTTP/{response.version // 10}.{response.version % 10}"
        exchange.fields = [(name.lower(), _mended(value)) for name, value in response.headers.items()]
        lengths = {
            part.strip() for name, value in exchange.fields if name == "content-length" for part in value.split(",")
        }
        if len(lengths) > 1 or not all(length.isascii() and length.isdigit() for length in lengths):
            raise _HeadTrouble("not-http", f"Content-Length: {', '.join(sorted(lengths))!r:.60}")
        if lengths and not response.chunked and response.length is None and call.ask.method != "HEAD":
            response.length = int(lengths.pop()[:18])
        wish = appetite(call.ask, response.status, exchange.fields, self._limits)
        call.needed = wish.keep > 0 and response.status < 300
        if wish.hang_up or not (wish.keep or wish.spare):  # the connection is not kept, so nothing is read for it
            exchange.cut = "not needed"
            return
        most = wish.keep or self._limits.discard
        pieces = []
        while piece := response.read1(_PIECE):
            exchange.wire += len(piece)
            pieces.append(piece)
            if exchange.wire > most:
                exchange.cut = f"only the first {most} bytes were read" if most == self._limits.body else "not needed"
                break
        exchange.content = b"".join(pieces)[:most]
        if call.over:  # broken off by the watch: what looks like the end of the body is none
            raise TimeoutError
        if response.length and not exchange.cut:
            raise http.client.IncompleteRead(b"", response.length)

    def _connection(self, kind: type[http.client.HTTPConnection], call: _Call, **more: Any) -> Callable[..., Any]:
        """Return what makes the connection of one call."""

        def make(host: str, **given: Any) -> http.client.HTTPConnection:
            connection = kind(host, **given, **more)
            connection.response_class = self._response
            # What urllib3 relies on, too: the one place where `http.client` connects.
            connection._create_connection = lambda *address: self._dial(call, *address)  # type: ignore[attr-defined]
            plain = connection.connect

            def connect() -> None:
                plain()
                call.phase, call.asked_at = "head", time.monotonic()
                if isinstance(connection.sock, ssl.SSLSocket):
                    call.expires = _end_of(connection.sock.getpeercert() or {})

            connection.connect = connect  # type: ignore[method-assign]
            return connection

        return make

    def _dial(self, call: _Call, address: tuple[str, int], *_more: object) -> socket.socket:
        """Connect to the first address that lets us, after having looked at it."""
        host, port = address[0].strip("[]"), address[1]
        host = self._resolve.get((host.lower(), port), host)
        trouble: OSError = OSError("the name has no address")
        for family, kind, protocol, _, target in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            found = str(target[0])
            if self._public_only and is_private(found):
                trouble = _Private(found)
                continue
            if self._avoid is not None and self._avoid(found, port):
                trouble = _Avoided(found)
                continue
            sock = socket.socket(family, kind, protocol)
            call.sock, call.phase = sock, "connect"
            try:
                sock.settimeout(self._limits.connect)
                sock.connect(target)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as wrong:
                sock.close()
                trouble = wrong
                continue
            sock.settimeout(self._limits.total)
            call.address = f"[{found}]:{port}" if family == socket.AF_INET6 else f"{found}:{port}"
            call.phase, call.asked_at = "tls" if call.ask.url.startswith("https:") else "head", time.monotonic()
            return sock
        raise trouble


class _Plain(urllib.request.HTTPHandler):
    def __init__(self, make: Callable[..., Any]) -> None:
        super().__init__()
        self._make = make

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._make, req)


class _Secure(urllib.request.HTTPSHandler):
    def __init__(self, make: Callable[..., Any], context: ssl.SSLContext) -> None:
        super().__init__(context=context)  # since Python 3.12 it would make one, and read all CAs, for each request
        self._make = make

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._make, req)


def _end_of(certificate: Mapping[str, Any]) -> float:
    """Return when a verified certificate ends, 0 where it does not say."""
    try:
        return float(ssl.cert_time_to_seconds(certificate.get("notAfter", "")))
    except ValueError:
        return 0.0


def _break_off(call: _Call, why: str) -> None:
    """Wake the thread that waits for the call's socket."""
    call.over = why
    if call.sock is not None:
        try:
            # Past `SSLSocket.shutdown`, which would take the TLS state away under the reading thread.
            socket.socket.shutdown(call.sock, socket.SHUT_RDWR)
        except OSError:
            pass


def _mended(value: str) -> str:
    """Return a field's value as UTF-8, if it is that; `http.client` takes all for Latin-1."""
    value = " ".join(value.split("\r\n")) if "\r\n" in value else value
    try:
        return value.encode("latin-1").decode().strip()
    except UnicodeError:
        return value.strip()


def _trouble(call: _Call, exchange: Exchange, wrong: BaseException) -> tuple[str, str]:
    """Say in our words what an exception means."""
    if isinstance(wrong, urllib.error.URLError) and isinstance(wrong.reason, BaseException):
        wrong = wrong.reason
    if call.over == "time-out" or isinstance(wrong, TimeoutError):
        spent = f"{time.monotonic() - call.begun:.1f} s"
        if exchange.status:
            return "body-time-out", spent
        return "connect-time-out" if call.phase in ("connect", "tls") else "head-time-out", spent
    match wrong:
        case _HeadTrouble():
            return wrong.trouble, str(wrong)
        case _Private():
            return "private", str(wrong)
        case _Avoided():
            return "avoided", str(wrong)
        case socket.gaierror():
            return ("dns-time-out" if wrong.errno == socket.EAI_AGAIN else "dns"), ""
        case ssl.SSLCertVerificationError():
            return "tls", CERTIFICATE.get(wrong.verify_code, wrong.verify_message)
        case ssl.SSLError():
            return ("body" if exchange.status else "tls"), wrong.reason or str(wrong)
        case ConnectionRefusedError():
            return "refused", ""
        case http.client.RemoteDisconnected():
            return ("tls" if call.phase == "tls" else "reset"), "closed without a word"
        case http.client.IncompleteRead():
            return "body", f"{exchange.wire} bytes came, {wrong.expected or 'some'} are missing"
        case http.client.LineTooLong():
            return "head", str(wrong)
        case http.client.HTTPException():
            return ("body" if exchange.status else "not-http"), str(wrong)[:200]
        case OSError() if wrong.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL):
            return "unreachable", wrong.strerror or ""
        case OSError():
            kind = "body" if exchange.status else "tls" if call.phase == "tls" else "reset"
            return kind, wrong.strerror or str(wrong)
        case ValueError() | UnicodeError():
            return "url", str(wrong)
    return "other", f"{type(wrong).__name__}: {wrong}"
