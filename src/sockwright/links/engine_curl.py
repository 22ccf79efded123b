"""The default engine: libcurl's multi interface through pycurl, one thread, any number of exchanges at once.

libcurl carries HTTP/1.1 and HTTP/2, TLS, proxies and name look-ups. It is kept from following redirects, from
cookies, from undoing content codings and from touching the path: those are ours. A transfer is hung up as soon as
nobody needs the rest of it.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Sequence
from pathlib import Path

import pycurl

from sockwright.links.asking import ACCEPT, CERTIFICATE, USER_AGENT, Ask, Exchange, Limits
from sockwright.links.content import ACCEPTED
from sockwright.links.curl_transfer import Transfer
from sockwright.links.private import Avoid
from sockwright.links.sockets import READ, Sockets

_SWEEP = 0.1  # seconds between two looks at the time limits that libcurl does not know
_KEPT_CONNECTIONS = 256
_KEPT_HANDLES = 256

_CA_FILES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
_WEIRD = 8  # CURLE_WEIRD_SERVER_REPLY, which pycurl has no name for
_TLS = frozenset({35, 51, 53, 54, 58, 59, 60, 64, 66, 77, 80, 82, 83, 90, 91, 98})


class CurlEngine:
    """An `Engine` on libcurl."""

    lacks: frozenset[str] = frozenset()

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
        self._resolve = list(resolve)
        self._proxy = "" if public_only and proxy is None else proxy
        self._proxied = bool(self._proxy) or (self._proxy is None and _environment_has_proxies())
        self._ca_file = ca_file or _ca_file()
        self._base = [
            f"User-Agent: {user_agent}",
            f"Accept: {ACCEPT}",
            f"Accept-Encoding: {ACCEPTED}",
        ]
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, _KEPT_CONNECTIONS)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._on_socket)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)
        self._sockets = Sockets()
        self._known: set[int] = set()  # of them, those of libcurl
        self._timer: float | None = None
        self._sweep_at = 0.0
        self._watched = -1
        self._under_way: dict[pycurl.Curl, Transfer] = {}
        self._idle: list[Transfer] = []
        self._ended: list[Exchange] = []
        self._expiries: dict[str, float] = {}

    def start(self, ask: Ask) -> None:
        transfer = self._idle.pop() if self._idle else self._make()
        transfer.reset(ask)
        handle = transfer.handle
        try:
            handle.setopt(pycurl.URL, ask.url)
            if not self._proxied:  # or libcurl would write %2e as %2E; a proxy must see the whole URL
                handle.setopt(pycurl.REQUEST_TARGET, "/" + ask.url.split("/", 3)[3])
            if ask.fields != transfer.fields_set:
                extra = [f"{name}: {value}".encode() for name, value in ask.fields]
                handle.setopt(pycurl.HTTPHEADER, [*self._base, *extra])
                transfer.fields_set = ask.fields
            if ask.method != transfer.method_set:
                handle.setopt(pycurl.NOBODY if ask.method == "HEAD" else pycurl.HTTPGET, 1)
                transfer.method_set = ask.method
            self._multi.add_handle(handle)
        except (pycurl.error, UnicodeError, ValueError, IndexError) as wrong:
            self._idle.append(transfer)
            self._ended.append(Exchange(ask, trouble="url", detail=str(wrong), started=transfer.started))
            return
        self._under_way[handle] = transfer

    def wait(self, seconds: float) -> list[Exchange]:
        deadline = time.monotonic() + seconds
        while True:
            self._collect()
            if self._ended:
                ended, self._ended = self._ended, []
                return ended
            now = time.monotonic()
            if now >= self._sweep_at:
                self._sweep(now)
                self._sweep_at = now + _SWEEP
                continue
            if self._timer is not None and self._timer <= now:
                self._timer = None
                self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
                continue
            if now >= deadline:
                return []
            until = min(deadline, self._timer if self._timer is not None else deadline)
            if self._under_way:
                until = min(until, self._sweep_at)
            seen = False
            for fd, ready in self._sockets.wait(until - now):
                if fd == self._watched:
                    seen = True
                else:
                    self._multi.socket_action(fd, ready)
            if seen:
                self._collect()
                ended, self._ended = self._ended, []
                return ended

    def watch(self, fd: int) -> None:
        if self._watched >= 0:
            self._sockets.remove(self._watched)
        self._watched = fd
        if fd >= 0:
            self._sockets.add(fd, READ)

    def close(self) -> None:
        for handle, transfer in self._under_way.items():
            self._multi.remove_handle(handle)
            self._idle.append(transfer)
        self._under_way.clear()
        for transfer in self._idle:
            transfer.handle.close()
        self._idle.clear()
        self._multi.close()
        self._sockets.close()

    # --- libcurl's side ---------------------------------------------------------------------------------------

    def _make(self) -> Transfer:
        handle = pycurl.Curl()
        transfer = Transfer(handle, self._limits, public_only=self._public_only, avoid=self._avoid)
        set_option = handle.setopt
        set_option(pycurl.NOSIGNAL, 1)
        set_option(pycurl.FOLLOWLOCATION, 0)
        set_option(pycurl.PATH_AS_IS, 1)
        set_option(pycurl.HTTP_CONTENT_DECODING, 0)
        set_option(pycurl.HTTP09_ALLOWED, 0)
        set_option(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        set_option(pycurl.CONNECTTIMEOUT_MS, max(1, int(self._limits.connect * 1000)))
        set_option(pycurl.TIMEOUT_MS, max(1, int(self._limits.total * 1000)))
        set_option(pycurl.HTTPHEADER, self._base)
        set_option(pycurl.OPT_CERTINFO, 1)
        if self._ca_file:
            set_option(pycurl.CAINFO, self._ca_file)
        if self._resolve:
            set_option(pycurl.RESOLVE, self._resolve)
        if self._proxy is not None:
            set_option(pycurl.PROXY, self._proxy)
        if self._public_only or self._avoid is not None:
            set_option(pycurl.OPENSOCKETFUNCTION, transfer.open_socket)
        return transfer

    def _on_socket(self, what: int, fd: int, _multi: object, _known: object) -> None:
        if what == pycurl.POLL_REMOVE:
            if fd in self._known:
                self._known.remove(fd)
                self._sockets.remove(fd)
        elif fd in self._known:
            self._sockets.change(fd, what)
        else:
            self._known.add(fd)
            self._sockets.add(fd, what)

    def _on_timer(self, milliseconds: int) -> None:
        self._timer = None if milliseconds < 0 else time.monotonic() + milliseconds / 1000

    def _collect(self) -> None:
        while True:
            left, good, bad = self._multi.info_read()
            for handle in good:
                self._end(handle, 0, "")
            for handle, code, message in bad:
                self._end(handle, code, message)
            if not left:
                return

    def _sweep(self, now: float) -> None:
        """End what has waited too long for its first byte, and what drips although nobody needs it."""
        for handle, transfer in list(self._under_way.items()):
            if transfer.overdue(now):
                self._end(handle, pycurl.E_WRITE_ERROR if transfer.lines else pycurl.E_OPERATION_TIMEDOUT, "")

    def _end(self, handle: pycurl.Curl, code: int, message: str) -> None:
        transfer = self._under_way.pop(handle)
        if not transfer.head_at and not transfer.trouble and transfer.lines:
            if code == _WEIRD:
                transfer.lines.append(b"\r\n")  # all that will come of this head
            transfer.read_head()
        exchange = Exchange(
            transfer.ask,
            status=transfer.status,
            fields=transfer.fields,
            content=b"".join(transfer.chunks) if transfer.chunks else b"",
            cut=transfer.cut,
            wire=transfer.size,
            started=transfer.started,
            seconds=time.monotonic() - transfer.begun,
        )
        if transfer.first_line:
            parts = transfer.first_line.decode("latin-1").split(None, 2)
            exchange.version = parts[0] if parts else ""
            exchange.phrase = parts[2].strip() if len(parts) > 2 else ""
        if len(exchange.content) > self._limits.body:
            exchange.content = exchange.content[: self._limits.body]
        first = handle.getinfo(pycurl.STARTTRANSFER_TIME)
        if first and transfer.status:
            exchange.latency = first - handle.getinfo(pycurl.PRETRANSFER_TIME)
        address = handle.getinfo(pycurl.PRIMARY_IP)
        if address:
            port = handle.getinfo(pycurl.PRIMARY_PORT)
            exchange.address = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        if transfer.ask.url.startswith("https:"):
            exchange.expires = self._expiry(transfer, handle)
        if transfer.trouble:
            exchange.trouble = transfer.trouble
        elif code == _WEIRD and "without colon" in message and transfer.status:
            # Browsers pass over such a line. What comes behind it libcurl does not give us, but the status is known.
            exchange.cut = "its body was not read: a line of the head is no field"
        elif code and not (code == pycurl.E_WRITE_ERROR and transfer.cut):
            exchange.trouble, exchange.detail = self._trouble(transfer, handle, code, message)
        self._multi.remove_handle(handle)
        if len(self._idle) < _KEPT_HANDLES:
            self._idle.append(transfer)
        else:
            handle.close()
        self._ended.append(exchange)

    def _expiry(self, transfer: Transfer, handle: pycurl.Curl) -> float:
        """Return when the host's certificate ends, as far as it was seen (at the first connection to it)."""
        origin = "/".join(transfer.ask.url.split("/", 3)[:3])
        if origin not in self._expiries and handle.getinfo(pycurl.APPCONNECT_TIME):
            for certificate in handle.getinfo(pycurl.INFO_CERTINFO)[:1]:
                for name, value in certificate:
                    if name == "Expire date":
                        self._expiries[origin] = _openssl_date(value)
        return self._expiries.get(origin, 0.0)

    def _trouble(self, transfer: Transfer, handle: pycurl.Curl, code: int, message: str) -> tuple[str, str]:
        """Say in our words what libcurl's error means."""
        if transfer.private:
            return "private", transfer.private
        if transfer.avoided:
            return "avoided", transfer.avoided
        message = message or handle.errstr()
        number = handle.getinfo(pycurl.OS_ERRNO)
        match code:
            case pycurl.E_COULDNT_RESOLVE_HOST | pycurl.E_COULDNT_RESOLVE_PROXY:
                return "dns", "the proxy's" if code == pycurl.E_COULDNT_RESOLVE_PROXY else ""
            case pycurl.E_OPERATION_TIMEDOUT:
                return self._time_out(transfer, handle), f"{time.monotonic() - transfer.begun:.1f} s"
            case pycurl.E_COULDNT_CONNECT:
                if number == errno.ECONNREFUSED:
                    return "refused", ""
                if number in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL):
                    return "unreachable", os.strerror(number)
                if number == errno.ETIMEDOUT:
                    return "connect-time-out", ""
                return "other", os.strerror(number) if number else message
            case _ if code in _TLS:
                return "tls", CERTIFICATE.get(handle.getinfo(pycurl.SSL_VERIFYRESULT), "") or _tls_words(message)
            case pycurl.E_GOT_NOTHING:
                return "reset", "closed without a word"
            case pycurl.E_URL_MALFORMAT | pycurl.E_UNSUPPORTED_PROTOCOL if "HTTP" not in message:
                return "url", message
            case _ if code in (pycurl.E_UNSUPPORTED_PROTOCOL, _WEIRD):
                return "not-http", message
            case pycurl.E_RECV_ERROR if "Transfer-Encoding" in message:
                return "not-http", message
            case 100:  # CURLE_TOO_LARGE, which pycurl has no name for
                return "head", message
            case pycurl.E_PARTIAL_FILE:
                return "body", message
            case _ if transfer.status:
                return "body", message
            case pycurl.E_RECV_ERROR | pycurl.E_SEND_ERROR | pycurl.E_HTTP2:
                return "reset", os.strerror(number) if number else message
        return "other", message

    def _time_out(self, transfer: Transfer, handle: pycurl.Curl) -> str:
        if transfer.status:
            return "body-time-out"
        if transfer.lines:
            return "head-time-out"
        secure = transfer.ask.url.startswith("https:")
        if handle.getinfo(pycurl.APPCONNECT_TIME if secure else pycurl.CONNECT_TIME):
            return "head-time-out"
        if handle.getinfo(pycurl.NAMELOOKUP_TIME) or handle.getinfo(pycurl.NUM_CONNECTS):
            return "connect-time-out"
        return "connect-time-out" if _numeric(transfer.ask.url) else "dns-time-out"


def _environment_has_proxies() -> bool:
    return any(os.environ.get(name) for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"))


def _numeric(url: str) -> bool:
    host = url.split("/", 3)[2]
    return host.startswith("[") or host.partition(":")[0].rpartition(".")[2].isdigit()


def _tls_words(message: str) -> str:
    if "no alternative certificate subject name" in message or "does not match" in message:
        return "its certificate is for another host"
    return message


def _openssl_date(value: str) -> float:
    """Return the time of OpenSSL's `Nov 22 21:00:00 2026 GMT`, 0 where it is another form."""
    import email.utils

    try:
        month, day, clock, year, *_ = value.split()
        return email.utils.parsedate_to_datetime(f"{day} {month} {year} {clock} GMT").timestamp()
    except (ValueError, TypeError):
        return 0.0


def _ca_file() -> str:
    """Return where this system keeps the authorities it trusts; the wheel's libcurl does not know."""
    for name in (os.environ.get("SSL_CERT_FILE", ""), *_CA_FILES):
        if name and Path(name).is_file():
            return name
    import ssl

    return ssl.get_default_verify_paths().cafile or ""
