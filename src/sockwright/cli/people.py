"""`people`: who is connected, once or live."""

from __future__ import annotations

import sys

import click

from sockwright.cli import manners
from sockwright.cli.join import AT, JSON, WAIT, show_event, until_told_to_stop

EXAMPLES = """\b
Examples:
  sockwright people
  sockwright people --follow          and then who joins and leaves, until Ctrl-C
  sockwright people --json
"""


@click.command("people", epilog=EXAMPLES)
@click.option("--follow", is_flag=True, help="Then show who joins and leaves, until Ctrl-C.")
@AT
@WAIT
@JSON
def command(follow: bool, at: str, wait: float, as_json: bool) -> None:
    """Show who is connected."""
    from sockwright.client.people import look
    from sockwright.wire.people import table_of

    until_told_to_stop()
    with look(at, follow=follow, wait=wait) as stay:
        if as_json:
            for person in stay.people:
                manners.emit(person)
        elif stay.people:
            click.echo("\n".join(table_of(stay.people)))
        elif not follow:
            manners.remark("nobody is connected; sockwright join Ann 30 connects")
        sys.stdout.flush()
        if follow:
            for event in stay.events():
                show_event(event, as_json)
