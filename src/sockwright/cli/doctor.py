"""`doctor`: looks at this machine for what makes network programs fail, before they do."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import click

from sockwright import __version__
from sockwright.cli import manners

GOOD, NOTE, BAD = "ok", "note", "bad"

EXAMPLES = """\b
Exit code 1 if something is bad; notes are worth knowing and do no harm.

\b
Examples:
  sockwright doctor
  sockwright doctor --json | jq 'select(.level != "ok")'
"""

OLDEST_SAFE_SQLITE = (3, 51, 3)  # before it a WAL file could be damaged with several connections, in a rare case
DESCRIPTORS = 4096  # enough for some 3,000 connections; 10,000 idle ones want 12,600
BACKLOG = 4096  # what we ask `listen` for; the kernel cuts it at somaxconn
HOSTS = "put the line 127.0.0.1 localhost into the hosts file"
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


class Finding(NamedTuple):
    """One thing that was looked at."""

    level: str
    topic: str
    words: str
    cure: str = ""


@click.command("doctor", epilog=EXAMPLES)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
def command(as_json: bool) -> None:
    """Look at this machine: versions, limits, ports, folders, clock."""
    worst = GOOD
    for finding in findings():
        if finding.level == BAD:
            worst = BAD
        if as_json:
            manners.emit(finding._asdict())
        else:
            _show(finding)
    if worst == BAD:
        raise manners.Stop(manners.WRONG)


def _show(finding: Finding) -> None:
    from sockwright.wire.visible import visible

    colour = {GOOD: "green", NOTE: "yellow", BAD: "red"}[finding.level]
    word = f"{finding.level:<4}"
    word = click.style(word, fg=colour) if manners.colours(sys.stdout) else word
    click.echo(f"{word}  {finding.topic:<12} {visible(finding.words)}")
    if finding.cure:
        click.echo(f"                   {visible(finding.cure)}")


def findings() -> Iterator[Finding]:
    """Yield what there is to say, thing by thing; one that cannot be looked at harms no other."""
    for look in LOOKS:
        try:
            yield from look()
        except Exception as failed:  # noqa: BLE001 - a doctor does not die of the patient
            yield Finding(NOTE, look.__name__.strip("_"), f"could not be looked at: {type(failed).__name__}: {failed}")


def _versions() -> Iterator[Finding]:
    import sqlite3
    import ssl

    python = f"{platform.python_implementation()} {platform.python_version()}"
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    yield Finding(GOOD, "sockwright", f"{__version__}, {python}, {system}")
    yield Finding(GOOD, "openssl", ssl.OPENSSL_VERSION)
    if sqlite3.sqlite_version_info >= OLDEST_SAFE_SQLITE:
        yield Finding(GOOD, "sqlite", sqlite3.sqlite_version)
    else:
        oldest = ".".join(map(str, OLDEST_SAFE_SQLITE))
        yield Finding(
            NOTE,
            "sqlite",
            f"{sqlite3.sqlite_version}: before {oldest} several writers can damage a WAL file, in a rare case",
            "we write with one connection only, so our files are safe",
        )


def _packages() -> Iterator[Finding]:
    loop = "winloop" if sys.platform == "win32" else "uvloop"
    for name, without in (
        (loop, "the loop of the standard library is used, at about half the speed"),
        ("cryptography", "no certificate can be made on the spot; ?cert=FILE&key=FILE still works"),
    ):
        try:
            yield Finding(GOOD, name, version(name))
        except PackageNotFoundError:
            yield Finding(NOTE, name, f"is not installed: {without}", f"{sys.executable} -m pip install {name}")


def _limits() -> Iterator[Finding]:
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    endless = resource.RLIM_INFINITY
    words = f"{'unlimited' if soft == endless else soft}, may be raised to {'any' if hard == endless else hard}"
    if hard != endless and hard < DESCRIPTORS:
        yield Finding(
            NOTE, "files", f"{words}: room for some {int(hard * 0.8) - 64} connections", "ulimit -Hn shows it"
        )
    else:
        yield Finding(GOOD, "files", words)
    queue = Path("/proc/sys/net/core/somaxconn")
    if queue.is_file():
        most = int(queue.read_text())
        if most < BACKLOG:
            cure = f"sysctl -w net.core.somaxconn={BACKLOG}; sockwright explain backlog"
            yield Finding(NOTE, "backlog", f"the kernel cuts it at {most}: bursts of clients will wait", cure)
        else:
            yield Finding(GOOD, "backlog", f"somaxconn {most}")


def _loopback() -> Iterator[Finding]:
    import socket

    from sockwright.transport.ports import is_free

    if is_free("127.0.0.1", 0):
        yield Finding(GOOD, "ipv4", "the loopback 127.0.0.1 is there")
    else:
        yield Finding(BAD, "ipv4", "no server can listen at 127.0.0.1", "ip addr show lo: is it up?")
    if socket.has_ipv6 and is_free("::1", 0):
        yield Finding(GOOD, "ipv6", "the loopback ::1 is there")
    else:
        yield Finding(NOTE, "ipv6", "there is no loopback ::1: localhost means 127.0.0.1 alone")
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo("localhost", 1, type=socket.SOCK_STREAM)}
    except OSError as wrong:
        yield Finding(
            BAD, "localhost", f"is not known: {wrong.strerror}", "put 127.0.0.1 localhost into the hosts file"
        )
        return
    strange = found - {"127.0.0.1", "::1"}
    if strange or not found:
        yield Finding(
            BAD, "localhost", f"means {', '.join(sorted(found))}", "put 127.0.0.1 localhost into the hosts file"
        )
    else:
        yield Finding(GOOD, "localhost", f"is {' and '.join(sorted(found))}")


def _ports() -> Iterator[Finding]:
    from sockwright.cli import up
    from sockwright.transport.ports import holder, is_free

    busy = 0
    wanted = {(posting.endpoint.port, posting.endpoint.protocol == "udp") for posting in up.chosen(up.TABLE, None)}
    for port, udp in sorted(wanted):
        if not is_free("127.0.0.1", port, udp):
            busy += 1
            who = holder(port, udp)
            words = f"{port}/{'udp' if udp else 'tcp'} is taken{f' by {who}' if who else ''}"
            yield Finding(NOTE, "ports", words, "" if "sockwright" in who else "up takes the next free one and says so")
    if not busy:
        yield Finding(GOOD, "ports", f"all {len(wanted)} that up wants are free")


def _folders() -> Iterator[Finding]:
    from sockwright import config

    home = config.home()
    for name, folder in (("config", home.config), ("data", home.data), ("state", home.state)):
        there = next(place for place in (folder, *folder.parents) if place.exists())
        if not there.is_dir():
            yield Finding(BAD, name, f"{folder}: {there} is no folder", "SOCKWRIGHT_HOME=DIR moves our folders")
        elif not os.access(there, os.W_OK | os.X_OK):
            yield Finding(BAD, name, f"{folder} cannot be written", "SOCKWRIGHT_HOME=DIR moves our folders")
        else:
            yield Finding(GOOD, name, f"{folder}{'' if folder.exists() else ' (made when needed)'}")
    there = next(place for place in (home.data, *home.data.parents) if place.exists())
    free = shutil.disk_usage(there).free
    if free < 1 << 30:
        yield Finding(NOTE, "disk", f"{free >> 20} MiB are left for the journal, which may take 1 GiB")


def _settings() -> Iterator[Finding]:
    from sockwright.cli import VERBS, load, settings
    from sockwright.errors import ConfigError

    try:
        found = settings.files()
        for file in found:
            settings.check(file, VERBS, load)
            yield Finding(GOOD, "settings", f"{file.path} is read")
    except ConfigError as wrong:
        yield Finding(BAD, "settings", str(wrong), wrong.cure)
    for name in settings.unknown_variables(VERBS, load):
        yield Finding(NOTE, "settings", f"{name} is set, and no flag takes it", "sockwright config show lists them")


def _certificates() -> Iterator[Finding]:
    import ssl
    from typing import Any

    from sockwright import config

    path = config.home().data / "tls" / "ca.pem"
    if not path.is_file():
        yield Finding(GOOD, "ca", "our local CA is made when it is needed")
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(path)
        about: Any = context.get_ca_certs()[0]
        until = ssl.cert_time_to_seconds(about["notAfter"])
    except (OSError, IndexError, ValueError) as wrong:
        yield Finding(BAD, "ca", f"{path} is no certificate: {wrong}", f"remove {path.parent}; a new one is made")
        return
    if until < time.time():
        yield Finding(BAD, "ca", f"{path} ended on {about['notAfter']}", f"remove {path.parent}; a new one is made")
    else:
        yield Finding(GOOD, "ca", f"{path}, valid until {about['notAfter']}")


def _clock() -> Iterator[Finding]:
    now = time.localtime()
    words = time.strftime("%Y-%m-%d %H:%M:%S %z", now)
    if not 2025 <= now.tm_year < 2100:
        yield Finding(BAD, "clock", f"{words}: certificates will seem to have ended, or not begun", "set the clock")
    else:
        yield Finding(GOOD, "clock", words)


def _surroundings() -> Iterator[Finding]:
    set_ones = sorted({name.lower() for name in PROXIES if os.environ.get(name)})
    if set_ones:
        excepted = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
        if "127.0.0.1" in excepted.split(",") or excepted == "*":
            yield Finding(GOOD, "proxy", f"{', '.join(set_ones)}; not for 127.0.0.1")
        else:
            yield Finding(
                NOTE,
                "proxy",
                f"{', '.join(set_ones)}: curl and urllib will ask the proxy even for 127.0.0.1; our call does not",
                "export NO_PROXY=127.0.0.1,localhost,::1",
            )
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    if encoding != "utf8":
        yield Finding(NOTE, "terminal", f"writes {sys.stdout.encoding}, not UTF-8: some letters will be shown as ?")


LOOKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    _versions,
    _packages,
    _limits,
    _loopback,
    _ports,
    _folders,
    _settings,
    _certificates,
    _clock,
    _surroundings,
)
