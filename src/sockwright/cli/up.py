"""`up`: every service in one process. The main job.

Which service stands where is one table below; what it prints is derived from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from sockwright import __version__
from sockwright.cli import flags, manners

if TYPE_CHECKING:
    from sockwright.journal.journal import Journal
    from sockwright.workbench import Listening, Posting

# (label, services, schemes, port): 7000 + the well-known number.
TABLE: tuple[tuple[str, tuple[str, ...], tuple[str, ...], int], ...] = (
    ("echo", ("echo",), ("tcp", "udp"), 7007),
    ("discard", ("discard",), ("tcp", "udp"), 7009),
    ("time", ("time",), ("tcp", "udp"), 7013),
    ("greet", ("greet",), ("tcp", "udp"), 7017),
    ("symbols", ("symbols",), ("tcp",), 7019),
    ("mailsink", ("mailsink",), ("smtp",), 7025),
    ("mailsink", ("mailsink",), ("smtps",), 7465),
    ("codebook", ("codebook",), ("tcp", "udp"), 7053),
    ("people", ("people",), ("tcp",), 7079),
    ("http", ("parity", "codebook", "people", "echo", "time", "probes"), ("http",), 7080),
    ("https", ("parity", "codebook", "people", "echo", "time", "probes"), ("https",), 7443),
    ("xmlrpc", ("parity", "codebook", "people", "echo", "time", "validator1"), ("xmlrpc",), 7081),
)

# The lecture's own ports, so that its client programs work against us unchanged.
LECTURE: tuple[tuple[str, tuple[str, ...], tuple[str, ...], int], ...] = (
    ("greet", ("greet",), ("tcp", "udp"), 12345),
    ("echo", ("echo",), ("tcp",), 5555),
    ("files", ("files",), ("http",), 8888),
    ("hello", ("hello",), ("http",), 8080),
    ("xmlrpc", ("parity",), ("xmlrpc",), 8000),
)

# Where the console is with them; else at its usual port.
LECTURE_CONSOLE = 8099
CONSOLE_PORTS = ("7070", str(LECTURE_CONSOLE))

# Here the root is for files.
SETTINGS = {"probes": {"prefixes": ("/probe",)}}

EXAMPLES = """\b
Examples:
  sockwright up                        everything, on this machine only
  sockwright up --only tcp,udp         what speaks TCP or UDP
  sockwright up --only echo,http       some services
  sockwright up --lecture              on the lecture's ports
  sockwright up --dir site             with the files of a folder at http://127.0.0.1:7080/
  sockwright up --lan                  let others on the network in
"""


@click.command("up", epilog=EXAMPLES)
@click.option("--only", metavar="NAMES", help="Only these services or schemes, apart by commas.")
@click.option("--dir", "folder", metavar="DIR", help="Serve the files of this folder at / of HTTP.")
@click.option("--lecture", is_flag=True, help="Use the lecture's ports: 12345, 5555, 8888, 8080, 8000, 8099.")
@flags.faults()
@click.option("--lan", is_flag=True, help="Let others on the network in, not only this machine.")
@click.option("--no-console", is_flag=True, help="Do without the live page.")
@click.option("--open", "open_page", is_flag=True, help="Open the console in the browser.")
@click.option("--idle", metavar="TIME", help="Hang up on who is silent for so long (5m).")
@click.option("--grace", metavar="TIME", help="How long conversations may go on after SIGTERM (5s).")
@click.option("--max-connections", type=click.IntRange(1), metavar="N", help="Connections at once.")
@click.option(
    "--mailbox", metavar="FILE|URL|memory", help="Where the mail sink keeps mail: a file, redis://HOST:PORT/DB, memory."
)
@click.option("--users", metavar="FILE", help="smtp: who must log in, a line each: name:password. Else anybody may.")
@click.option("--no-journal", is_flag=True, help="Keep what happens in memory only.")
@click.option("--store", metavar="URL", help="Where state is kept: a file, redis://HOST:PORT/DB, memory.")
@click.option("--ready-file", metavar="FILE", help="Write the real endpoints there (JSON) once they answer.")
@click.option("--quiet", "-q", is_flag=True, help="Do not print a line per connection.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
def command(only: str | None, lecture: bool, open_page: bool, folder: str | None, **options: Any) -> None:
    """Run every service in one process until Ctrl-C."""
    from sockwright.cli import running, users

    # The lecture's file server serves the folder it was started in; otherwise nobody's files are served unasked.
    folder = folder or ("." if lecture else None)
    names = running.lan_names(lan=bool(options.get("lan")))
    postings = [_with_files(each, folder, names) for each in chosen(LECTURE if lecture else TABLE, only)]
    postings = users.with_users(postings, options.pop("users"))

    def show(listening: Sequence[Listening], journal: Journal, console: str) -> None:
        _show(listening, journal, console, lan=bool(options.get("lan")))
        if open_page:
            _open_page(listening, console)

    if not options.pop("no_console") and _wants_console(only):
        options["console"] = LECTURE_CONSOLE if lecture else True
    raise manners.Stop(running.run(postings, title="up", show=show, move=True, **options))


def chosen(table: Sequence[tuple[str, tuple[str, ...], tuple[str, ...], int]], only: str | None) -> list[Posting]:
    """Return the postings of `table` that `only` names by service, scheme or port; all without it.

    Raises: click.UsageError for a name that means nothing.
    """
    from sockwright.endpoint import LOOPBACK, SCHEMES, Endpoint
    from sockwright.workbench import Posting

    rows = [(label, names, scheme, port) for label, names, schemes, port in table for scheme in schemes]
    wanted = [word.strip().lower() for word in only.split(",") if word.strip()] if only else []
    known = {word for label, names, scheme, port in rows for word in (label, scheme, str(port))} | {
        "console",
        *CONSOLE_PORTS,
    }
    for word in wanted:
        if word not in known:
            raise click.UsageError(
                f"--only: there is nothing called {word!r}.{manners.nearest(word, known)} "
                f"There are: {', '.join(sorted(word for word in known if not word.isdecimal()))}"
            )
    return [
        Posting(Endpoint(scheme, LOOPBACK, port, tls=SCHEMES[scheme][1]), names, label=label, settings=SETTINGS)
        for label, names, scheme, port in rows
        if not wanted or {label, scheme, str(port)} & set(wanted)
    ]


def _wants_console(only: str | None) -> bool:
    """Tell whether `--only` leaves the console in: it shows what is there, so it goes with everything or by name."""
    return only is None or bool({"console", *CONSOLE_PORTS} & {word.strip().lower() for word in only.split(",")})


def _with_files(posting: Posting, folder: str | None, settings: dict[str, object]) -> Posting:
    """Return `posting` with the files of `folder`, where it is one that has them."""
    from dataclasses import replace

    if folder is None or posting.label not in ("files", "http", "https"):
        return posting
    files = f"files:{folder}"
    names = tuple(name for name in posting.services if name != "files")
    return replace(posting, services=(*names, files), settings={**posting.settings, files: settings})


def _show(listening: Sequence[Listening], journal: Journal, console: str, *, lan: bool) -> None:
    from sockwright.cli.running import where_journal_is

    strong = (lambda text: click.style(text, bold=True)) if manners.colours(_stdout()) else (lambda text: text)
    reach = "everybody on the network" if lan else "loopback only (--lan lets others in)"
    lines = [f"{strong('sockwright')} {__version__}   {reach}   {where_journal_is(journal)}"]
    lines += _table(listening, console, strong)
    lines += _moved(listening)
    tries = _tries(listening)
    if tries:
        lines.append("Try in another terminal:")
        width = max(len(left) for left, _ in tries) + 2
        lines += [f"  {left:<{width}}{right}".rstrip() for left, right in tries]
    lines.append("Ctrl-C stops.")
    click.echo("\n".join(lines))


def _table(listening: Sequence[Listening], console: str, strong: Any) -> list[str]:
    """A line per set of schemes, so that tcp+udp stand together; URLs for what has them."""
    places: dict[tuple[str, int], list[str]] = {}
    urls: list[tuple[str, str]] = []
    for one in listening:
        if one.posting.unwatched:
            urls.append((one.name, console))
        elif one.endpoint.protocol in ("tcp", "udp", "smtp"):
            places.setdefault((one.name, one.endpoint.port), []).append(one.endpoint.scheme)
        else:
            shown = "https" if one.endpoint.tls else "http"
            urls.append((one.name, f"{shown}://{one.endpoint.authority}/"))
    rows: dict[str, list[str]] = {}
    for (name, port), schemes in places.items():
        rows.setdefault("+".join(schemes), []).append(f"{name} {strong(f':{port}')}")
    width = max([len(key) for key in rows] + [len(name) for name, _ in urls] + [7])
    lines = [f"  {key:<{width}}  {'   '.join(row)}" for key, row in rows.items()]
    return lines + [f"  {name:<{width}}  {strong(url)}" for name, url in urls]


def _moved(listening: Sequence[Listening]) -> list[str]:
    moved = {one.moved_from: one.endpoint.port for one in listening if one.moved_from}
    return [f"  port {taken} is taken, so {port} instead" for taken, port in moved.items()]


def _tries(listening: Sequence[Listening]) -> list[tuple[str, str]]:
    """Commands to paste, with the ports that we really got: ours to the left, a stranger's to the right."""
    at = {(one.name, one.endpoint.scheme): one.endpoint.port for one in listening}
    tries: list[tuple[str, str]] = []
    if port := at.get(("echo", "tcp")):
        tries.append((f"sockwright call tcp://:{port} hello", f"nc -N 127.0.0.1 {port}"))
    if port := at.get(("greet", "udp")):
        tries.append((f"sockwright call udp://:{port} hello", f"echo hello | nc -u -w1 127.0.0.1 {port}"))
    if port := at.get(("codebook", "tcp")):
        place = "" if port == 7053 else f"--at :{port} "
        tries.append((f"sockwright decode {place}khoor zruog", f"echo khoor zruog | nc -N 127.0.0.1 {port}"))
    if port := at.get(("people", "tcp")):
        place = "" if port == 7079 else f" --at :{port}"
        tries.append((f"sockwright join Ann 30{place}", f"sockwright people --follow{place}"))
    if port := at.get(("xmlrpc", "xmlrpc")):
        site = at.get(("http", "http")) or at.get(("files", "http"))
        links = f"sockwright links http://127.0.0.1:{site}/" if site else ""
        tries.append((f"sockwright call xmlrpc://:{port} is_even 4", links))
    if port := at.get(("http", "http")) or at.get(("hello", "http")):
        path = "call/parity.is_even?n=4" if ("http", "http") in at else ""
        tries.append((f"sockwright call 'http://127.0.0.1:{port}/{path}'", f"curl 'http://127.0.0.1:{port}/{path}'"))
    if port := at.get(("mailsink", "smtp")):
        tries.append((f"sockwright call smtp://:{port} to=ann@example.org subject=Hello", "sockwright mail list"))
    if tries:
        tries.append(("sockwright watch", "sockwright log list"))
    return tries


def _open_page(listening: Sequence[Listening], console: str) -> None:
    import threading
    import webbrowser

    pages = (one.endpoint for one in listening if one.endpoint.protocol == "http")
    urls = (f"{'https' if at.tls else 'http'}://{at.authority}/" for at in pages)
    url = console or next(urls, "")
    if not url:
        manners.remark("--open: nothing here speaks HTTP")
        return
    # A browser may take seconds to start and writes to our terminal; the bench waits for nobody.
    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()


def _stdout() -> Any:
    import sys

    return sys.stdout
