"""What `up` and `serve` share: a bench that runs in the foreground until it is told to stop."""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sockwright import __version__, config
from sockwright.cli import manners
from sockwright.endpoint import parse
from sockwright.errors import ConfigError
from sockwright.journal.journal import Journal
from sockwright.transport import loop
from sockwright.transport.limits import Limits
from sockwright.workbench import Listening, PortTaken, Posting, lan_addresses, open_bench, until_told_to_stop

if TYPE_CHECKING:
    from sockwright.stores.mailbox import Mailbox

# A person reads some lines a second; a bench makes thousands. What is above this many is counted.
LINES_PER_SECOND = 40

Show = Callable[[Sequence[Listening], Journal], None]


def posting(text: str, service: str, frame: str | None = None, extra: Mapping[str, Any] | None = None) -> Posting:
    """Return the posting for an endpoint as a person wrote it."""
    return Posting(parse(text), (service,), frame, extra=extra or {})


def limits_of(options: Mapping[str, Any]) -> Limits:
    """Return the limits that the flags say, the defaults elsewhere.

    Raises: ConfigError naming the flag.
    """
    flags = {"max_connections": "connections", "idle": "idle", "call_limit": "call", "grace": "grace"}
    given = {field: options[flag] for flag, field in flags.items() if options.get(flag) is not None}
    return config.overridden(Limits(), given)


def open_journal(options: Mapping[str, Any], command: str) -> Journal:
    """Return the journal of this run, in the user's data folder unless `--no-journal`."""
    path = None if options.get("no_journal") else config.home().data / "journal.db"
    if path is not None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as wrong:
            manners.remark(f"the journal stays in memory: cannot make {path.parent}: {wrong.strerror}")
            path = None
    return Journal(path, command=command)


def run(
    postings: Sequence[Posting], *, title: str, show: Show | None = None, move: bool = False, **options: Any
) -> int:
    """Run a bench with `postings` until SIGINT or SIGTERM; return the exit code."""
    journal = open_journal(options, title)
    mailbox: Mailbox | None = None
    try:
        if any("mailsink" in one.services for one in postings):
            from sockwright.stores.mailbox import open_mailbox

            mailbox = open_mailbox(options.get("mailbox") or "")
        options["mailbox"] = mailbox
        return loop.run(_run(postings, journal, show or _show_listening, move, options))
    except PortTaken as taken:
        raise port_taken(taken) from None
    finally:
        if mailbox is not None:
            mailbox.close()
        journal.close()


async def _run(
    postings: Sequence[Posting], journal: Journal, show: Show, move: bool, options: Mapping[str, Any]
) -> int:
    limits = limits_of(options)
    lan = bool(options.get("lan"))
    try:
        extra = {"mailbox": options["mailbox"]}
        async with open_bench(journal, limits, trouble=manners.remark, extra=extra) as bench:
            for each in postings:
                bench.listen(each, lan=lan, move=move)
            if lan:
                _warn_of_lan(bench.listening)
            if options.get("as_json"):
                manners.emit({"ready": True, "endpoints": [_about(one) for one in bench.listening]})
            else:
                show(bench.listening, journal)
            if options.get("ready_file"):
                _write_ready_file(Path(options["ready_file"]), bench.listening)
            if journal.trouble:
                manners.remark(f"journal: {journal.trouble}")
            stop_printing = print_lines(journal, options)
            try:
                number = await until_told_to_stop()
            finally:
                stop_printing()
            connections = sum(len(getattr(one.server, "streams", ())) for one in bench.listening)
            if connections:
                manners.remark(f"waiting for {connections} connections, {config.duration_text(limits.grace)} at most")
    except* (PortTaken, ConfigError) as several:
        raise several.exceptions[0] from None
    return manners.INTERRUPTED if number == signal.SIGINT else manners.OK


def _about(one: Listening) -> dict[str, Any]:
    return {
        "service": one.name,
        "endpoint": str(one.endpoint),
        "scheme": one.endpoint.scheme,
        "port": one.endpoint.port,
        "addresses": [str(peer) for peer in one.server.addresses],
        **({"moved_from": one.moved_from} if one.moved_from else {}),
    }


def _write_ready_file(path: Path, listening: Sequence[Listening]) -> None:
    draft = path.with_name(path.name + f".{os.getpid()}.tmp")
    content = {"pid": os.getpid(), "endpoints": [_about(one) for one in listening]}
    try:
        draft.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")
        draft.replace(path)
    except OSError as wrong:
        raise ConfigError(f"--ready-file: cannot write {path}: {wrong.strerror}") from None


def _show_listening(listening: Sequence[Listening], journal: Journal) -> None:
    print(f"sockwright {__version__}   {where_journal_is(journal)}")
    for one in listening:
        moved = f"   (port {one.moved_from} is taken)" if one.moved_from else ""
        print(f"  {one.name}  {one.endpoint}{moved}")
    print("Ctrl-C stops.", flush=True)


def where_journal_is(journal: Journal) -> str:
    """Return the words that say where the journal is kept."""
    if journal.path is None:
        return "journal: in memory only"
    path = str(journal.path)
    home = str(Path.home())
    return "journal: " + ("~" + path[len(home) :] if path.startswith(home + os.sep) else path)


def _warn_of_lan(listening: Sequence[Listening]) -> None:
    ports = ", ".join(sorted({str(one.endpoint.port) for one in listening}, key=int))
    reach = ", ".join(lan_addresses()) or "no address found"
    manners.remark(f"warning: --lan: everybody on the network can reach ports {ports} at {reach}")


def print_lines(journal: Journal, options: Mapping[str, Any]) -> Callable[[], None]:
    """Print a line per connection as it ends, as many as a person can read; return how to stop that."""
    if options.get("quiet"):
        return lambda: None
    from sockwright.journal.summary import Summaries

    return journal.follow(_Printer(Summaries(), bool(options.get("as_json"))))


class _Printer:
    """Follows the journal in the writer's thread."""

    def __init__(self, summaries: Any, as_json: bool) -> None:
        self._summaries = summaries
        self._as_json = as_json
        self._second = 0.0
        self._printed = 0
        self._left_out = 0

    def __call__(self, entries: Sequence[Any]) -> None:
        lines: list[str] = []
        for summary in self._summaries.ended(entries):
            now = time.monotonic()
            if now - self._second >= 1.0:
                if self._left_out and not self._as_json:
                    lines.append(f"... and {self._left_out} more in that second; sockwright log list shows them")
                self._second, self._printed, self._left_out = now, 0, 0
            if self._printed < LINES_PER_SECOND:
                self._printed += 1
                lines.append(json.dumps(summary.as_dict(), ensure_ascii=False) if self._as_json else summary.line())
            else:
                self._left_out += 1
        if lines:
            try:
                sys.stdout.write("\n".join(lines) + "\n")
                sys.stdout.flush()
            except (OSError, ValueError):  # whoever read our lines is gone; the bench goes on
                pass


def port_taken(taken: PortTaken) -> manners.Stop:
    """Return how the verb ends when a port cannot be had: who holds it, and which one is free."""
    endpoint, trouble = taken.endpoint, taken.trouble
    if trouble.errno == errno.EADDRINUSE:
        from sockwright.transport import ports

        udp = endpoint.protocol == "udp"
        holder = ports.holder(endpoint.port, udp=udp)
        free = ports.free_port(endpoint.host, endpoint.port)
        return manners.Stop(
            manners.UNREACHABLE,
            f"port {endpoint.port} is taken{f' by {holder}' if holder else ''}",
            f"port {free} is free: {endpoint.at(endpoint.host, free)}",
        )
    if trouble.errno == errno.EACCES:
        return manners.Stop(
            manners.UNREACHABLE,
            f"port {endpoint.port} needs root: the system keeps ports below 1024 for itself",
            f"take one above, such as {endpoint.at(endpoint.host, 7000 + endpoint.port)}",
        )
    if trouble.errno == errno.EADDRNOTAVAIL:
        return manners.Stop(
            manners.UNREACHABLE,
            f"{endpoint.host} is not an address of this machine",
            "127.0.0.1 is this machine alone; --lan listens at all addresses",
        )
    return manners.Stop(manners.UNREACHABLE, f"cannot listen at {endpoint}: {trouble.strerror or trouble}")
