"""`ready`: waits until endpoints answer, so that scripts need not sleep for luck."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from sockwright.cli import manners
from sockwright.cli.kinds import DURATION

if TYPE_CHECKING:
    from sockwright.endpoint import Endpoint

AGAIN = 0.05  # seconds between two tries: short beside what a person notices
PATIENCE = 1.0  # seconds one try may take, so that one that hangs is tried again
UDP_SILENCE = 0.2  # seconds without a refusal after which a UDP port counts as held

EXAMPLES = """\b
Without ENDPOINT: those of `sockwright up`, on its default ports.
tcp answers when it connects, http and xmlrpc when a response comes, udp when
nobody refuses (an empty datagram is sent).

\b
Examples:
  sockwright up & sockwright ready && curl http://127.0.0.1:7080/
  sockwright ready --wait 30s tcp://:5432 http://127.0.0.1:8000/health
  sockwright ready --only echo,http
"""


@click.command("ready", epilog=EXAMPLES)
@click.argument("endpoints", nargs=-1, metavar="[ENDPOINT]...")
@click.option("--wait", type=DURATION, default="10s", show_default=True, metavar="TIME", help="Give up after that.")
@click.option("--only", metavar="NAMES", help="Of those of up, only these services or schemes, apart by commas.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
def command(endpoints: tuple[str, ...], wait: float, only: str | None, as_json: bool) -> None:
    """Wait until each ENDPOINT answers; exit 4 if one does not in time."""
    from sockwright.endpoint import parse

    if endpoints and only:
        raise click.UsageError("--only chooses among the endpoints of up, and here are some of your own.")
    wanted = [parse(text) for text in endpoints] or _of_up(only)
    if not wanted:
        raise click.UsageError("There is nothing to wait for.")
    for endpoint in wanted:
        if endpoint.port == 0:
            raise click.UsageError(f"{endpoint}: port 0 is no port that could answer.")
    silent = _await(wanted, wait, as_json)
    if silent:
        first = "; ".join(f"{endpoint}: {why}" for endpoint, why in silent[:3])
        more = f"; and {len(silent) - 3} more" if len(silent) > 3 else ""
        raise manners.Stop(
            manners.DEADLINE, f"{len(silent)} of {len(wanted)} endpoints do not answer: {first}{more}",
            "is it started? --wait 30s waits longer",
        )  # fmt: skip


def _of_up(only: str | None) -> list[Endpoint]:
    from sockwright.cli import up

    return [posting.endpoint for posting in up.chosen(up.TABLE, only)]


def _await(wanted: Sequence[Endpoint], wait: float, as_json: bool) -> list[tuple[Endpoint, str]]:
    """Ask all of them at once, again and again; return those that did not answer, and why."""
    from concurrent.futures import ThreadPoolExecutor, as_completed

    began = time.monotonic()
    silent: list[tuple[Endpoint, str]] = []
    with ThreadPoolExecutor(max_workers=min(len(wanted), 32)) as threads:
        asked = {threads.submit(_until_answer, endpoint, began + wait): endpoint for endpoint in wanted}
        for done in as_completed(asked):
            endpoint, why = asked[done], done.result()
            seconds = time.monotonic() - began
            if why:
                silent.append((endpoint, why))
            if as_json:
                about = {"endpoint": str(endpoint), "ready": not why, "seconds": round(seconds, 3)}
                manners.emit(about | ({"why": why} if why else {}))
            elif not why:
                click.echo(f"{endpoint} answers")
    return silent


def _until_answer(endpoint: Endpoint, deadline: float) -> str:
    """Return "" once `endpoint` answers, or why it did not before `deadline`."""
    why = ""
    while True:
        left = deadline - time.monotonic()
        try:
            if left > 0:
                _ask(endpoint, min(left, PATIENCE))
                return ""
        except Exception as wrong:  # noqa: BLE001 - whatever it is, it may be over at the next try
            why = str(getattr(wrong, "strerror", None) or wrong) or type(wrong).__name__
        if time.monotonic() + AGAIN >= deadline:
            return why or "there was no time to ask"
        time.sleep(AGAIN)


def _ask(endpoint: Endpoint, wait: float) -> None:
    """Return when `endpoint` answers. Raises: whatever says that it does not."""
    from dataclasses import replace

    if endpoint.protocol == "udp":
        _ask_udp(endpoint, min(wait, UDP_SILENCE))
        return
    trusting = replace(endpoint, options={**endpoint.options, "verify": "no"})  # whether, not who
    if endpoint.protocol in ("http", "xmlrpc"):
        from sockwright.client.http import Request, ask

        scheme = "https" if endpoint.tls else "http"
        ask(Request("GET", replace(trusting, scheme=scheme)), wait=wait, timeout=wait)
    else:
        from sockwright.transport.dial import dial

        dial(trusting, wait).close()


def _ask_udp(endpoint: Endpoint, wait: float) -> None:
    from sockwright.transport.dial import dial_datagrams

    connections = dial_datagrams(endpoint)
    try:
        connections[0].send(b"")
        connections[0].read(wait)
    finally:
        for connection in connections:
            connection.close()
