"""`join`: the people client. Sends a `User`, stays until Ctrl-C, shows who joins and leaves."""

from __future__ import annotations

import signal
import sys
from typing import Any

import click

from sockwright.cli import manners
from sockwright.cli.kinds import DURATION

# Characters of one line of another program's.
LONGEST_SHOWN = 1000

EXAMPLES = """\b
Examples:
  sockwright join Ann 30              stays until Ctrl-C; start several
  sockwright join "Анна Мария" 41
  sockwright join Bob 7 --quiet &
"""

AT = click.option(
    "--at", default="tcp://:7079", metavar="ENDPOINT", help="Where the people are (tcp://:7079 of sockwright up)."
)
WAIT = click.option("--wait", type=DURATION, default=5.0, metavar="TIME", help="Give up after so much silence (5s).")
JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")


def show_event(event: dict[str, Any], as_json: bool) -> None:
    """Print one event."""
    if as_json:
        manners.emit(event)
        return
    from sockwright.wire.people import table_of
    from sockwright.wire.visible import visible

    match event["event"]:
        case "join" | "leave" as kind:
            sign, word = ("+", "joins") if kind == "join" else ("-", "leaves")
            name = visible(str(event["name"]), 64)
            click.echo(f"{sign} {name}, {event['age']}, {word} (#{event['id']}); {event['connected']} connected")
        case "people":
            for line in table_of(event["people"]):
                click.echo(line)
        case "said":
            click.echo("\n".join(visible(line, LONGEST_SHOWN) for line in event["text"].splitlines()))
        case "dismissed":
            manners.remark("dismissed by somebody on the server's side")
    sys.stdout.flush()


def until_told_to_stop() -> None:
    """Let SIGTERM end a verb as Ctrl-C does."""

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)


@click.command("join", epilog=EXAMPLES, context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("age")
@AT
@click.option("--quiet", "-q", is_flag=True, help="Do not show who joins and leaves.")
@WAIT
@JSON
def command(name: str, age: str, at: str, quiet: bool, wait: float, as_json: bool) -> None:
    """Connect as NAME, AGE years old, and stay until Ctrl-C."""
    from sockwright.client.people import join
    from sockwright.errors import ServiceError
    from sockwright.wire.people import User

    try:
        user = User(name, int(age) if age.lstrip("+-").isascii() and age.lstrip("+-").isdecimal() else age)  # type: ignore[arg-type]
    except ServiceError as wrong:
        raise click.UsageError(str(wrong)) from None
    until_told_to_stop()
    with join(user, at, follow=not quiet, wait=wait, beats=True) as stay:
        if not stay.is_ours:
            manners.remark(f"{at} is another program's server, and has our user; what it says is shown. Ctrl-C leaves.")
            if stay.said:
                show_event({"event": "said", "text": stay.said}, as_json)
        elif as_json:
            manners.emit({"event": "joined", "id": stay.number, "connected": stay.connected})
        else:
            click.echo(f"joined as #{stay.number}; {stay.connected} connected. Ctrl-C leaves.")
        sys.stdout.flush()
        for event in stay.events():
            if not quiet:
                show_event(event, as_json)
            if event["event"] == "dismissed":
                raise manners.Stop(manners.BROKEN_OFF, "the server let us go")
