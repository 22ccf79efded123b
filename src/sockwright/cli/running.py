"""What `up` and `serve` share: a bench that runs in the foreground until it is told to stop."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import queue
import secrets
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sockwright import __version__, config, services, stores
from sockwright.cli import flags, manners, settings
from sockwright.endpoint import LOOPBACK, Endpoint, parse
from sockwright.errors import ConfigError
from sockwright.journal.journal import Journal
from sockwright.stores import Store
from sockwright.transport import loop
from sockwright.transport.control import ControlServer
from sockwright.transport.limits import Limits
from sockwright.workbench import (
    Listening,
    PortTaken,
    Posting,
    Workbench,
    lan_addresses,
    open_bench,
    own_names,
    until_told_to_stop,
)

if TYPE_CHECKING:
    from sockwright.desk.mount import Console
    from sockwright.stores.mailbox import Mailbox

# A person reads some lines a second; a bench makes thousands. What is above this many is counted.
LINES_PER_SECOND = 40
# Lines that wait for a terminal that takes none.
LINES_WAITING = 1000

# Told where all listen, the journal, and the console's URL ("" without).
Show = Callable[[Sequence[Listening], Journal, str], None]


def posting(
    text: str,
    service: str,
    frame: str | None = None,
    extra: Mapping[str, Any] | None = None,
    settings: Mapping[str, object] | None = None,
    limits: Mapping[str, object] | None = None,
) -> Posting:
    """Return the posting for an endpoint as a person wrote it; `settings` are the service's, `limits` HTTP's own."""
    given = {service: settings} if settings else {}
    return Posting(parse(text), (service,), frame, limits or {}, extra or {}, settings=given)


def lan_names(*, lan: bool) -> dict[str, object]:
    """Return, as a setting, the names under which a browser of the network may know us."""
    return {"names": (*own_names(), *lan_addresses())} if lan else {}


def limits_of(options: Mapping[str, Any]) -> Limits:
    """Return the limits that the flags say, the defaults elsewhere.

    Raises: ConfigError naming the flag.
    """
    flags = {
        "connections": "max_connections",
        "idle": "idle",
        "call": "call_limit",
        "answer": "call_limit",
        "flow_idle": "flow_idle",
        "grace": "grace",
    }
    given = {field: options[flag] for field, flag in flags.items() if options.get(flag) is not None}
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
    seed = options.get("seed")
    return Journal(
        path,
        command=command,
        seed=secrets.randbits(31) if seed is None else seed,
        complain=lambda text: manners.remark(f"journal: {text}") if text else None,
    )


def open_state(postings: Sequence[Posting], options: Mapping[str, Any]) -> Store:
    """Return the store that `--store` names; without it `state.db` in the user's data folder.

    Where the latter cannot be had, state stays in memory, which is said; where nobody has a use for it, it is not made.

    Raises: Stop for a `--store` that is not there.
    """
    url = options.get("store")
    if not url and not any(services.keeps_state(name) for one in postings for name in one.services):
        return stores.open_store("memory")
    try:
        store = stores.open_store(url or str(config.home().data / "state.db"))
        if store.warning:
            manners.remark(f"warning: {store.warning}")
        return store
    except stores.Unavailable as wrong:
        if url:
            raise manners.Stop(manners.UNREACHABLE, str(wrong), "--store memory does without") from None
        manners.remark(f"{wrong}: it stays in memory, and goes when this ends")
        return stores.open_store("memory")


def run(
    postings: Sequence[Posting], *, title: str, show: Show | None = None, move: bool = False, **options: Any
) -> int:
    """Run a bench with `postings` until SIGINT or SIGTERM; return the exit code."""
    store = open_state(postings, options)
    journal = open_journal(options, title)
    mailbox: Mailbox | None = None
    try:
        if any("mailsink" in one.services for one in postings):
            from sockwright.stores.mailbox import REDIS, open_mailbox

            shared = store.url if store.url.startswith(REDIS) else ""  # nodes of one bench share the mailbox too
            try:
                mailbox = open_mailbox(options.get("mailbox") or shared)
            except stores.Unavailable as wrong:
                raise manners.Stop(manners.UNREACHABLE, str(wrong), "--mailbox FILE or memory does without") from None
            if mailbox.warning and mailbox.warning != store.warning:
                manners.remark(f"warning: {mailbox.warning}")
        options["mailbox"] = mailbox
        return loop.run(_run(postings, journal, store, show or _show_listening, move, options))
    except PortTaken as taken:
        raise port_taken(taken) from None
    finally:
        if mailbox is not None:
            mailbox.close()
        journal.close()
        store.close()


async def _run(
    postings: Sequence[Posting], journal: Journal, store: Store, show: Show, move: bool, options: Mapping[str, Any]
) -> int:
    limits = limits_of(options)
    lan = bool(options.get("lan"))
    try:
        extra = {"mailbox": options["mailbox"]}
        async with (
            open_bench(journal, limits, trouble=manners.remark, store=store, extra=extra) as bench,
            contextlib.AsyncExitStack() as reached,
        ):
            for each in postings:
                await bench.prepare(each)
            for each in postings:
                bench.listen(each, lan=lan, move=move)
            _break(bench, options)
            console = _mount_console(bench, options, reached, lan=lan)
            url, address = (console.url, console.address) if console is not None else ("", "")
            await reached.enter_async_context(_reachable(bench, journal, address))
            if lan:
                _warn_of_lan(bench.listening)
            if options.get("as_json"):
                manners.emit({"ready": True, "endpoints": [_about(one) for one in bench.listening], "console": url})
            else:
                show(bench.listening, journal, url)
            if options.get("ready_file"):
                _write_ready_file(Path(options["ready_file"]), bench.listening, url)
            stop_printing = show_people(bench, options) or print_lines(journal, options)
            try:
                number = await until_told_to_stop()
            finally:
                journal.flush()  # who has ended by now is told of
                stop_printing()
            watched = [one.server for one in bench.listening if not one.posting.unwatched]
            connections = sum(len(getattr(server, "streams", ())) for server in watched)
            if connections:
                manners.remark(f"waiting for {connections} connections, {config.duration_text(limits.grace)} at most")
    except BaseExceptionGroup as several:  # not `except*`: what that raises comes in a group again before Python 3.11.4
        ours, rest = several.split((PortTaken, ConfigError))
        if ours is None or rest is not None:
            raise
        raise _first_of(ours) from None
    return manners.INTERRUPTED if number == signal.SIGINT else manners.OK


def _first_of(several: BaseExceptionGroup[BaseException]) -> BaseException:
    first = several.exceptions[0]
    return _first_of(first) if isinstance(first, BaseExceptionGroup) else first


def _mount_console(
    bench: Workbench, options: Mapping[str, Any], held: contextlib.AsyncExitStack, *, lan: bool
) -> Console | None:
    """Mount the console where the flags want one, for as long as `held` is; `console` is a port, or true.

    Where its port is taken it moves on, whatever else may move: the service is what was asked for.
    """
    port = options.get("console")
    if not port:
        return None
    from sockwright.desk.mount import PORT, Console

    console = Console(bench, lan=lan, trouble=manners.remark)
    console.listen(Endpoint("http", LOOPBACK, PORT if port is True else int(port)), move=True)
    held.callback(console.close)
    return console


@contextlib.asynccontextmanager
async def _reachable(bench: Workbench, journal: Journal, console: str) -> AsyncIterator[None]:
    """Answer at the control channel for a while; a bench that cannot do that runs all the same."""
    control = ControlServer(bench.breaking.do, journal.run.command, console)
    try:
        await control.start()
    except OSError as wrong:
        manners.remark(f"`sockwright break` cannot reach this bench: {wrong}")
    try:
        yield
    finally:
        await control.stop()


def _break(bench: Workbench, options: Mapping[str, Any]) -> None:
    """Set the faults that the flags and sockwright.toml ask for.

    Raises: ConfigError.
    """
    changes = []
    asked = flags.request(options)
    if asked is not None:
        changes += bench.breaking.set("*", asked)
    table: Any = next((file.tables["faults"] for file in settings.files() if "faults" in file.tables), {})
    if not isinstance(table, dict):
        raise ConfigError("faults in sockwright.toml is no table", cure='write [faults] and below it echo = ["cut=9"]')
    here = {name for place in bench.breaking.listed() for name in place["names"]}
    for name, given in table.items():
        if name == "*" or name in here:  # another verb may run what the others name
            for one in flags.from_table(name, given):
                changes += bench.breaking.set(name, one)
    for change in changes:
        texts = ", ".join(one["fault"] for one in change["faults"])
        manners.remark(f"broken on purpose: {change['name']} {change['endpoint']}: {texts} (--seed {change['seed']})")


def _about(one: Listening) -> dict[str, Any]:
    return {
        "service": one.name,
        "endpoint": str(one.endpoint),
        "scheme": one.endpoint.scheme,
        "port": one.endpoint.port,
        "addresses": [str(peer) for peer in one.server.addresses],
        **({"moved_from": one.moved_from} if one.moved_from else {}),
    }


def _write_ready_file(path: Path, listening: Sequence[Listening], console: str) -> None:
    draft = path.with_name(path.name + f".{os.getpid()}.tmp")
    content = {"pid": os.getpid(), "endpoints": [_about(one) for one in listening], "console": console}
    try:
        draft.unlink(missing_ok=True)
        # The console's token is in it: for its user's eyes alone.
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if console else 0o666)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(json.dumps(content, ensure_ascii=False) + "\n")
        draft.replace(path)
    except OSError as wrong:
        raise ConfigError(f"--ready-file: cannot write {path}: {wrong.strerror}") from None


def _show_listening(listening: Sequence[Listening], journal: Journal, console: str) -> None:
    print(f"sockwright {__version__}   {where_journal_is(journal)}")
    for one in listening:
        if one.posting.unwatched:
            print(f"  {one.name}  {console}")
            continue
        moved = f"   (port {one.moved_from} is taken)" if one.moved_from else ""
        to = f" -> {one.posting.target}" if one.posting.target is not None else ""
        print(f"  {one.name}  {one.endpoint}{to}{moved}")
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


def show_people(bench: Workbench, options: Mapping[str, Any]) -> Callable[[], None] | None:
    """Show who is connected where that is all that is served; return how to stop it, None where it is not."""
    if options.get("quiet") or {name for one in bench.listening for name in one.posting.services} != {"people"}:
        return None
    from sockwright.cli import people_table
    from sockwright.services.presence import registry_of

    return people_table.show(registry_of(bench.context), bool(options.get("as_json")))


def print_lines(journal: Journal, options: Mapping[str, Any]) -> Callable[[], None]:
    """Print a line per connection as it ends, as many as a person can read; return how to stop that."""
    if options.get("quiet"):
        return lambda: None
    from sockwright.journal.summary import Summaries

    printer = _Printer(Summaries(), bool(options.get("as_json")))
    unfollow = journal.follow(printer)

    def stop() -> None:
        journal.flush()
        unfollow()
        printer.close()

    return stop


class _Printer:
    """Follows the journal in the writer's thread, and prints in one of its own: a terminal stopped with Ctrl-S must
    not stop the journal."""

    def __init__(self, summaries: Any, as_json: bool) -> None:
        self._summaries = summaries
        self._as_json = as_json
        self._second = 0.0
        self._printed = 0
        self._left_out = 0
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._print, name="sockwright-lines", daemon=True)
        self._thread.start()

    def __call__(self, entries: Sequence[Any]) -> None:
        for summary in self._summaries.ended(entries):
            now = time.monotonic()
            if now - self._second >= 1.0:
                if self._left_out and not self._as_json:
                    self._lines.put(f"... and {self._left_out} more in that second; sockwright log list shows them")
                self._second, self._printed, self._left_out = now, 0, 0
            if self._printed < LINES_PER_SECOND and self._lines.qsize() < LINES_WAITING:
                self._printed += 1
                about = json.dumps(summary.as_dict(), ensure_ascii=False) if self._as_json else summary.line()
                self._lines.put(about)
            else:
                self._left_out += 1

    def _print(self) -> None:
        while line := self._lines.get():
            try:
                sys.stdout.write(line + "\n")
                if self._lines.empty():
                    sys.stdout.flush()
            except (OSError, ValueError):  # whoever read our lines is gone; the bench goes on
                return

    def close(self) -> None:
        """Print what is left, unless the terminal takes nothing."""
        self._lines.put("")
        self._thread.join(0.5)


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
