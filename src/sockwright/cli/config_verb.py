"""`config`: which settings count and why, where our files are, and our CA."""

from __future__ import annotations

from typing import Any

import click

from sockwright.cli import manners

EXAMPLES = """\b
Truth in this order: flag, SOCKWRIGHT_<VERB>_<FLAG>, SOCKWRIGHT_<FLAG>,
./sockwright.toml, the user's sockwright.toml, default.

\b
In a file:
  idle = "10m"            for every verb with the flag --idle
  [serve]                 for one verb
  max-connections = 500
\b
Examples:
  sockwright config show
  sockwright config show serve
  sockwright config path data
  curl --cacert "$(sockwright config ca)" https://localhost:7443/
"""


@click.group("config", epilog=EXAMPLES)
def command() -> None:
    """Show which settings count, and where our files are."""


@command.command("show")
@click.argument("verb", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
def show(verb: str | None, as_json: bool) -> None:
    """Show every setting, its value and where it comes from (of VERB alone)."""
    from sockwright.cli import VERBS, load, settings

    if verb is not None and verb not in VERBS:
        raise click.UsageError(f"There is no verb {verb!r}.{manners.nearest(verb, VERBS)}")
    found = settings.files()
    for file in found:
        settings.check(file, VERBS, load)
    rows = [row for name in ([verb] if verb else VERBS) for row in settings.settings(name, load(name), found)]
    if as_json:
        for row in rows:
            manners.emit({"key": row.key, "value": row.value, "from": row.source})
        return
    width = max((len(row.key) for row in rows), default=0)
    values = [_shown(row.value) for row in rows]
    middle = max((len(value) for value in values), default=0)
    for row, value in zip(rows, values, strict=True):
        click.echo(f"{row.key:<{width}}  {value:<{middle}}  {row.source}")
    for path in settings.paths():
        manners.remark(f"{path}: {'read' if path.is_file() else 'not there'}")
    for name in settings.unknown_variables(VERBS, load):
        manners.remark(f"{name} sets nothing: there is no such flag")


def _shown(value: Any) -> str:
    from sockwright.wire.visible import visible

    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return visible(str(value), 60)


@command.command("path")
@click.argument("what", required=False, type=click.Choice(["config", "data", "state", "journal", "ca"]))
def path(what: str | None) -> None:
    """Show where our files are; of WHAT alone, to be used by other programs."""
    from sockwright import config
    from sockwright.cli import settings

    home = config.home()
    places = {
        "config": home.config / settings.FILE,
        "data": home.data,
        "state": home.state,
        "journal": home.data / "journal.db",
        "ca": home.data / "tls" / "ca.pem",
    }
    if what is not None:
        click.echo(places[what])
        return
    for name, place in places.items():
        click.echo(f"{name:<8} {place}{'' if place.exists() else '  (not there yet)'}")


@command.command("ca")
def ca() -> None:
    """Print the path of our local CA's certificate; it is made now where there is none."""
    from sockwright.transport import tls

    click.echo(tls.ensure_ca())
