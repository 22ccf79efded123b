"""`call` over tcp and udp: bytes out, bytes in, as they are."""

from __future__ import annotations

import base64
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, repeat
from typing import Any

import click

from sockwright import config
from sockwright.cli import manners
from sockwright.cli.call import stdin_descriptor, stdin_is_piped, with_tls
from sockwright.cli.screen import Expectation, Screen
from sockwright.client.exchanges import LIMIT, framing_of, talk_over, wait_of
from sockwright.client.hints import looks_like
from sockwright.client.post import Post
from sockwright.client.talk import Event, Frame, Outgoing, Piped, Prepared, Sent, Talk
from sockwright.endpoint import Endpoint
from sockwright.transport.connection import Arrival, Connection
from sockwright.transport.dial import CONNECT_WAIT, dial
from sockwright.wire.framing import framing
from sockwright.wire.visible import visible

SHOWN = 160  # characters of one read on one line of -v

_WHO = {
    "fin": "the peer hung up",
    "done": "all answers came",
    "idle": "nobody said more",
    "cut": "the peer hung up without TLS's farewell",
    "time-out": "the time was over",
}


def talk(endpoint: Endpoint, words: Sequence[str], **options: Any) -> int:
    """Say `words` to `endpoint`, show what comes, and return the exit code."""
    call = _StreamCall(endpoint, words, options)
    return call.over_udp() if endpoint.protocol == "udp" else call.over_tcp()


class _StreamCall:
    """One call: what is said, what came, and what is shown of it."""

    def __init__(self, endpoint: Endpoint, words: Sequence[str], options: dict[str, Any]) -> None:
        self.endpoint = endpoint
        self.cutter, self.frame = framing_of(endpoint, options["frame"])
        self.wait = wait_of(endpoint, options["wait"])
        self.timeout: float | None = options["timeout"]
        self.gap: float = options["gap"] or 0.0
        self.verbose: bool = options["verbose"]
        self.as_json: bool = options["as_json"]
        self.hex: bool = options["hexadecimal"]
        self.interactive: bool = options["interactive"]
        self.expect: Expectation | None = options["expect"]
        self.screen = Screen(self.hex)
        self.outgoing = self._outgoing(words, options["split"] or 0, options["repeat"] or 1)
        self.sent: list[tuple[float, int]] = []  # when, and how many bytes
        self.arrivals: list[Arrival] = []
        self.frames: list[bytes] = []
        self.counts = {"sent": 0, "sent_chunks": 0, "received": 0, "received_chunks": 0}
        self.kept = 0
        self.began = 0.0
        self.told = {"peer": "", "local": "", "tls": ""}

    # -- what is said

    def _outgoing(self, words: Sequence[str], split: int, times: int) -> Outgoing:
        dash = list(words) == ["-"]
        if self.interactive and words:
            raise click.UsageError("-i takes what is typed; DATA has no place beside it.")
        if self.interactive or dash or (not words and stdin_is_piped()):
            descriptor = stdin_descriptor()
            if descriptor is None:
                raise click.UsageError("Standard input is closed.")
            if times > 1:
                raise click.UsageError("--repeat repeats DATA, and here it comes from standard input.")
            return Piped(descriptor, self._shape(), split)
        messages = self._messages(words)
        return Prepared(chain.from_iterable(repeat(messages, times)), split)

    def _messages(self, words: Sequence[str]) -> list[bytes]:
        udp = self.endpoint.protocol == "udp"
        if not words:
            return [b""] if udp else []
        text = " ".join(words)
        if self.hex:
            try:
                data = bytes.fromhex(text.replace(":", " ").replace("0x", " "))
            except ValueError:
                raise click.UsageError(f"--hex: {text!r} is not pairs of hexadecimal digits.") from None
        else:
            data = text.encode("utf-8", "surrogateescape")
        if self.frame:
            return [framing(self.frame).encode(data)]
        return [data if udp or self.hex else data + b"\n"]

    def _shape(self) -> Callable[[bytes | None], list[bytes]]:
        """Return what makes messages of standard input: frames of its lines, datagrams, or bytes as they come."""
        lines = framing("line")
        encoder = framing(self.frame) if self.frame not in ("", "raw", "eof") else None
        whole = bytearray()

        def frames(data: bytes | None) -> list[bytes]:
            if data is not None:
                found = lines.feed(data)
            else:
                last = lines.finish()
                found = [] if last is None else [last]
            if self.hex:
                found = [bytes.fromhex(line.decode()) for line in found]
            return [encoder.encode(line) for line in found] if encoder is not None else found

        def all_of_it(data: bytes | None) -> list[bytes]:
            if data is not None:
                whole.extend(data)
                return []
            return [bytes.fromhex(whole.decode()) if self.hex else bytes(whole)]

        def as_it_comes(data: bytes | None) -> list[bytes]:
            return [data] if data else []

        if encoder is not None or (self.interactive and (self.endpoint.protocol == "udp" or self.hex)):
            return frames
        return all_of_it if self.endpoint.protocol == "udp" or self.hex else as_it_comes

    # -- the call

    def over_tcp(self) -> int:
        before = time.time()
        with dial(self.endpoint, self.wait or CONNECT_WAIT) as connection:
            self.began = connection.now()
            self.told = {"peer": str(connection.peer), "local": str(connection.local), "tls": connection.tls}
            if self.verbose:
                tls = f" over {connection.tls}" if connection.tls else ""
                took = config.duration_text(max(self.began - before, 0.0))
                manners.remark(f"* connected to {connection.peer} from {connection.local}{tls} in {took}")
            if isinstance(self.outgoing, Piped):
                self.outgoing.wake = connection.wake
            talk = talk_over(
                connection,
                self.outgoing,
                self.cutter,
                self.frame,
                wait=self.wait,
                gap=self.gap,
                patient=self.interactive,
                timeout=self.timeout,
            )
            try:
                self._listen(self._plain(talk.events(), connection))
            finally:
                self.screen.finish()
            return self._judge_tcp(talk, connection)

    def over_udp(self) -> int:
        self.began = time.time()
        wakes = _wakes(self.outgoing)
        post = Post(
            self.endpoint,
            self.outgoing,
            wait=self.wait,
            gap=self.gap,
            patient=self.interactive,
            timeout=self.timeout,
            wakes=wakes,
        )
        try:
            self._listen(post.events())
        finally:
            self.screen.finish()
        self.told = {"peer": str(post.peer), "local": str(post.local), "tls": ""}
        stop = None
        if post.ended != "done" and self.wait:
            missing = f"{post.posted - post.answered} of {post.posted} datagrams had no answer"
            after = config.duration_text(self.wait)
            stop = manners.Stop(
                manners.DEADLINE,
                f"no answer from {self.endpoint.authority} within {after}" if not post.answered else missing,
                "UDP loses datagrams without a word, and some services (discard) answer nothing",
            )
        return self._end(post.ended, stop)

    def _plain(self, events: Iterator[Event], connection: Connection) -> Iterator[Event]:
        """Yield `events` until it shows that the peer speaks TLS and we do not."""
        for event in events:
            if isinstance(event, Arrival) and not connection.tls and looks_like(connection.first) == "TLS":
                what = "alert" if connection.first[0] == 21 else "record"
                raise manners.Stop(
                    manners.BROKEN_OFF,
                    f"this looks like TLS: {connection.peer} answered with a TLS {what}",
                    f"with TLS it is {with_tls(self.endpoint)}",
                )
            yield event

    def _listen(self, events: Iterator[Event]) -> None:
        keep = self.as_json or self.expect is not None
        for event in events:
            match event:
                case Sent():
                    self.counts["sent"] += len(event.data)
                    self.counts["sent_chunks"] += 1
                    if self.as_json:
                        self.sent.append((event.time, len(event.data)))
                    self._trace(">", event)
                case Arrival():
                    self.counts["received"] += len(event.data)
                    self.counts["received_chunks"] += 1
                    self._trace("<", event)
                    if keep:
                        self._keep(event)
                    if self.cutter is None:
                        self._show_unframed(event.data)
                case Frame():
                    if keep:
                        self.frames.append(event.data)
                    self._show(event.data, whole=True)

    def _keep(self, event: Arrival) -> None:
        self.kept += len(event.data)
        if self.kept > LIMIT:
            raise manners.Stop(manners.BROKEN_OFF, f"the answer is longer than the {LIMIT} bytes that are kept")
        self.arrivals.append(event)

    def _show_unframed(self, data: bytes) -> None:
        if self.endpoint.protocol == "udp":
            self._show(data.removesuffix(b"\n"), whole=True)
        else:
            self._show(data, whole=False)

    def _show(self, data: bytes, whole: bool) -> None:
        if self.as_json or (self.verbose and self.screen.is_terminal):
            return
        if whole:
            self.screen.write_line(data)
        else:
            self.screen.write(data)

    def _trace(self, arrow: str, event: Sent | Arrival) -> None:
        if not self.verbose:
            return
        data = event.data.hex() if self.hex else visible(event.data)
        shown = data if len(data) <= SHOWN else data[: SHOWN - 1] + "…"
        manners.remark(f"{arrow} {(event.time - self.began) * 1e3:9.2f} ms {len(event.data):6} B  {shown}")

    # -- how it went

    def _judge_tcp(self, talk: Talk, connection: Connection) -> int:
        stop = None
        expected = max(self.outgoing.asked, 1)
        match talk.ended:
            case "cut":
                words = f"{connection.peer} hung up without TLS's farewell: the answer may be cut off"
                stop = manners.Stop(manners.BROKEN_OFF, words)
            case "fin" if self.cutter is not None and talk.answered < expected:
                stop = manners.Stop(
                    manners.BROKEN_OFF, f"{connection.peer} hung up after {talk.answered} of {expected} answers"
                )
            case "idle" if self.wait:
                stop = manners.Stop(manners.DEADLINE, self._silence(connection), "--wait 30s waits longer")
            case "time-out":
                stop = manners.Stop(
                    manners.DEADLINE, f"{connection.peer} was not done after {config.duration_text(self.timeout or 0)}"
                )
            case "fin" if self.interactive and not self.outgoing.over:
                manners.remark("the peer hung up")
            case "fin" if looks_like(connection.first) == "HTTP" and not self.as_json:
                manners.remark(f"this looks like HTTP: sockwright call http://{self.endpoint.authority}/")
        return self._end(talk.ended, stop)

    def _silence(self, connection: Connection) -> str:
        after = config.duration_text(self.wait)
        if not self.outgoing.over:
            return f"nothing came from standard input or {connection.peer} for {after}"
        if connection.received:
            return f"{connection.peer} said nothing more for {after}, and did not hang up"
        return f"{connection.peer} said nothing for {after}"

    def _end(self, ended: str, stop: manners.Stop | None) -> int:
        answer = b"\n".join(self.frames) if self.cutter is not None else b"".join(one.data for one in self.arrivals)
        shown: str | bytes = answer.hex() if self.hex else answer
        if self.expect is not None and (stop is None or stop.code == manners.DEADLINE):
            if not self.expect.holds(shown):
                stop = stop or manners.Stop(manners.WRONG, self.expect.complaint(shown))
            elif ended == "idle":
                stop = None  # the answer is as expected; the peer merely keeps the line open
        if self.verbose:
            self._sum_up(ended)
        if self.as_json:
            manners.emit(self._as_json(answer, ended, stop))
            sys.stdout.flush()
            if stop is not None:
                manners.complain(str(stop), stop.cure)
            return stop.code if stop is not None else manners.OK
        if stop is not None:
            raise stop
        return manners.OK

    def _sum_up(self, ended: str) -> None:
        counts = self.counts
        took = config.duration_text(max(time.time() - self.began, 0.0))
        manners.remark(
            f"* {_WHO.get(ended, ended)} after {took}; sent {counts['sent']} B in {_pieces(counts['sent_chunks'])}, "
            f"received {counts['received']} B in {_pieces(counts['received_chunks'])}"
        )

    def _as_json(self, answer: bytes, ended: str, stop: manners.Stop | None) -> dict[str, Any]:
        chunks: list[dict[str, Any]] = [
            {"direction": "sent", "seconds": round(at - self.began, 6), "bytes": size} for at, size in self.sent
        ]
        for one in self.arrivals:
            seconds = round(one.time - self.began, 6)
            chunks.append({"direction": "received", "seconds": seconds, "bytes": len(one.data), **payload(one.data)})
        about: dict[str, Any] = {"endpoint": str(self.endpoint), **self.told, **self.counts, **payload(answer)}
        if self.cutter is not None:
            about["frames"] = [payload(frame) for frame in self.frames]
        about["chunks"] = sorted(chunks, key=lambda chunk: float(chunk["seconds"]))
        about |= {"ended": ended, "seconds": round(max(time.time() - self.began, 0.0), 6)}
        if stop is not None:
            about |= {"error": str(stop)}
        return about | {"exit": stop.code if stop is not None else manners.OK}


def _wakes(outgoing: Outgoing) -> Callable[[Callable[[], None]], None]:
    def wakes(wake: Callable[[], None]) -> None:
        if isinstance(outgoing, Piped):
            outgoing.wake = wake

    return wakes


def _pieces(count: int) -> str:
    return "1 chunk" if count == 1 else f"{count} chunks"


def payload(data: bytes) -> dict[str, str]:
    """Return bytes as JSON can say them: as text where they are UTF-8, else as base64."""
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}
