"""`replay`: a recording played again as client, with the chunks and gaps it had."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sockwright.cli import manners

if TYPE_CHECKING:
    from sockwright.endpoint import Endpoint
    from sockwright.journal.recording import Take

# Connections that are played at once; each has a thread.
MOST = 500

EXAMPLES = """\b
`sockwright tap LISTEN TARGET --record FILE` makes a recording; `serve ENDPOINT --do FILE` plays its other side.

\b
Examples:
  sockwright replay redis.jsonl                     to the target it was recorded from
  sockwright replay redis.jsonl --to :6380 --fast   somewhere else, without the gaps
  sockwright replay shop.jsonl --same               exit 1 where an answer differs
"""


@dataclass
class Outcome:
    """How one connection went; `at` is the first byte of the answer that differs, None where none does."""

    number: int
    sent: int = 0
    got: int = 0
    expected: int = 0
    at: int | None = None
    trouble: str = ""


@click.command("replay", epilog=EXAMPLES)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--to", metavar="URL", help="Where to play it; else the target it was recorded from.")
@click.option("--fast", is_flag=True, help="Without the gaps: as soon as the answers have come.")
@click.option("--wait", default="5s", show_default=True, metavar="TIME", help="Give up after so long without a byte.")
@click.option("--same", is_flag=True, help="Exit 1 where an answer differs from the recorded one.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
def command(file: Path, to: str | None, fast: bool, wait: str, same: bool, as_json: bool) -> None:
    """Play the recording FILE again as client."""
    from sockwright import config
    from sockwright.endpoint import parse
    from sockwright.errors import ConfigError
    from sockwright.journal import recording

    takes = recording.read(file)
    where = to or str(recording.about(file).get("target", ""))
    if not where:
        raise ConfigError(f"{file} does not say where it was recorded", cure="say where to play it: --to tcp://:7007")
    try:
        patience = config.duration(wait)
    except ValueError as wrong:
        raise ConfigError(f"--wait: {wrong}") from None
    endpoint = parse(where)
    outcomes = play(takes, endpoint, fast, patience)
    for outcome in outcomes:
        _tell(outcome, as_json)
    if any(outcome.trouble for outcome in outcomes):
        raise manners.Stop(manners.UNREACHABLE)
    if same and any(outcome.at is not None for outcome in outcomes):
        raise manners.Stop(manners.WRONG)


def play(takes: Any, endpoint: Endpoint, fast: bool, patience: float) -> list[Outcome]:
    """Play all connections, at the moments when they were opened, or one after the other where it shall be fast."""
    from sockwright.errors import ConfigError

    if fast:
        return [_play(take, endpoint, True, patience) for take in takes]
    if len(takes) > MOST:
        raise ConfigError(f"{len(takes)} connections are more than {MOST} at once", cure="--fast plays one by one")
    outcomes: dict[int, Outcome] = {}
    began = time.monotonic()
    first = min(take.began for take in takes)

    def run(take: Take) -> None:
        time.sleep(max(0.0, began + take.began - first - time.monotonic()))
        outcomes[take.number] = _play(take, endpoint, False, patience)

    threads = [threading.Thread(target=run, args=(take,), daemon=True) for take in takes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [outcomes[take.number] for take in takes]


def _play(take: Take, endpoint: Endpoint, fast: bool, patience: float) -> Outcome:
    from sockwright.transport.dial import dial, dial_datagrams

    expected = take.bytes_from("server")
    outcome = Outcome(take.number, expected=len(expected))
    answer = b""
    is_udp = endpoint.protocol == "udp"
    try:
        connection: Any = dial_datagrams(endpoint)[0] if is_udp else dial(endpoint)
        with connection:
            began = time.monotonic()
            owed = 0  # bytes that the server had said by then
            for one in take.said:
                if one.by == "server":
                    owed += len(one.data)
                    continue
                due = 0.0 if fast else began + one.time
                while (fast and len(answer) < owed) or time.monotonic() < due:
                    left = patience if fast else due - time.monotonic()
                    arrival = connection.read(max(0.0, left))
                    if arrival is None and fast:
                        break
                    if arrival is not None:
                        answer += arrival.data
                        if not arrival.data and not is_udp:
                            if not fast:
                                time.sleep(max(0.0, due - time.monotonic()))
                            break
                if not one.data and not is_udp:
                    connection.half_close()
                elif is_udp:
                    connection.send(one.data)
                else:
                    connection.send(one.data, patience)
                outcome.sent += len(one.data)
            is_reset = (take.end, take.ended_by) == ("rst", "client")
            while len(answer) < len(expected) or not (is_reset or is_udp):
                arrival = connection.read(patience)
                if arrival is None or (not arrival.data and not is_udp):
                    break
                answer += arrival.data
            if is_reset and not is_udp:
                connection.reset()
    except ConnectionResetError as broken:
        if (take.end, take.ended_by) != ("rst", "server"):
            outcome.trouble = str(broken.strerror or broken)
    except OSError as wrong:
        outcome.trouble = str(wrong.strerror or wrong)
    outcome.got = len(answer)
    if answer != expected:
        pairs = zip(answer, expected, strict=False)
        outcome.at = next((at for at, (is_, was) in enumerate(pairs) if is_ != was), min(len(answer), len(expected)))
    return outcome


def _tell(outcome: Outcome, as_json: bool) -> None:
    if as_json:
        manners.emit(
            {
                "number": outcome.number,
                "sent": outcome.sent,
                "received": outcome.got,
                "recorded": outcome.expected,
                "differs_at": outcome.at,
                "trouble": outcome.trouble,
            }
        )
        return
    if outcome.at is None:
        answer = "the answer is the recorded one"
    else:
        answer = f"the answer differs at byte {outcome.at} ({outcome.got:,} of {outcome.expected:,} bytes)"
    words = outcome.trouble or answer
    click.echo(f"#{outcome.number}  {outcome.sent:,} B -> {outcome.got:,} B, {words}")
