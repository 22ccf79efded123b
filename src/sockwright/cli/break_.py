"""`break`: faults on a running bench."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from sockwright.cli import flags, manners

if TYPE_CHECKING:
    from sockwright.transport.control import Bench

EXAMPLES = """\b
NAME is a service (echo, tap), an endpoint (tcp://127.0.0.1:7007) or a port (7007); * means all.
Faults are added to those that are set; docs/reference/faults.md shows each.

\b
Examples:
  sockwright break echo latency=200ms~50ms rate=8KB/s
  sockwright break tap reset=100 --rate 10% --for 30s
  sockwright break http --profile 3g
  sockwright break --list
  sockwright break --heal            everything is well again
"""


@click.command("break", epilog=EXAMPLES)
@click.argument("name", required=False)
@click.argument("faults", nargs=-1, metavar="[FAULT]...")
@click.option("--list", "listing", is_flag=True, help="Show what is set on every running bench.")
@click.option("--heal", is_flag=True, help="Take all faults away, at NAME or everywhere.")
@flags.faults(named=False)
@click.option("--pid", type=int, metavar="N", help="The bench with this process id, where several run.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
def command(
    name: str | None, faults: tuple[str, ...], listing: bool, heal: bool, pid: int | None, as_json: bool, **options: Any
) -> None:
    """Make a running bench go wrong, or well again."""
    from sockwright.transport import control

    if listing + heal + bool(faults or options.get("profile")) != 1:
        raise click.UsageError("say what shall be done: NAME FAULT..., --list or --heal")
    benches = [bench for bench in control.running() if pid in (None, bench.pid)]
    if not benches:
        what = f"no bench with pid {pid} runs" if pid else "no bench runs"
        raise manners.Stop(manners.UNREACHABLE, what, "`sockwright up`, `serve` or `tap` starts one")
    if listing:
        _list(benches, as_json)
        return
    if heal:
        changes = [change for bench in _having(name, benches) for change in _ask(bench, "heal", name=name or "*")]
        if not changes and not as_json:
            manners.remark("nothing was broken")
        _tell(changes, as_json, "healed")
        return
    asked = flags.request({**options, "faults": faults})
    assert asked is not None
    chosen = _having(name, benches)
    if len(chosen) > 1:
        pids = ", ".join(str(bench.pid) for bench in chosen)
        raise manners.Stop(manners.USAGE, f"several benches have {name!r}: {pids}", f"add --pid {chosen[0].pid}")
    about = {"faults": list(asked.faults), "profile": asked.profile, "up": asked.up, "down": asked.down}
    about |= {"share": asked.share, "seconds": asked.seconds, "seed": asked.seed}
    _tell(_ask(chosen[0], "break", name=name, **about), as_json, "set")


def _ask(bench: Bench, do: str, **what: Any) -> list[dict[str, Any]]:
    from sockwright.transport import control

    result = control.ask(bench, do, **what)
    return [{"pid": bench.pid, **one} for one in result]


def _having(name: str | None, benches: list[Bench]) -> list[Bench]:
    """Return the benches where something is called `name`; the newest, which will say what there is, where none."""
    if name in (None, "*"):
        return benches
    found = [bench for bench in benches if any(name in one["names"] for one in _ask(bench, "list"))]
    return found or benches[:1]


def _list(benches: list[Bench], as_json: bool) -> None:
    for bench in benches:
        places = _ask(bench, "list")
        if as_json:
            for place in places:
                manners.emit(place)
            continue
        click.echo(f"pid {bench.pid}  sockwright {bench.command}")
        for place in places:
            seed = f"   seed {place['seed']}" if place["faults"] else ""
            click.echo(f"  {place['name']}  {place['endpoint']}  {_words(place['faults']) or 'no faults'}{seed}")


def _tell(changes: list[dict[str, Any]], as_json: bool, done: str) -> None:
    for change in changes:
        if as_json:
            manners.emit(change)
            continue
        what = _words(change["faults"]) or "no faults"
        count = change["open"]
        on = f"{count} open connection{'' if count == 1 else 's'} and new ones"
        click.echo(f"{done}: {change['name']} {change['endpoint']}: {what}; on {on}; seed {change['seed']}")
        if change["new_only"]:
            click.echo(f"  on new connections only: {', '.join(change['new_only'])}")


def _words(faults: list[dict[str, Any]]) -> str:
    words = []
    for one in faults:
        text = one["fault"] if one["to"] == "down" else f"{one['fault']} ({one['to']})"
        if one["rate"] < 1:
            text += f" on {one['rate'] * 100:g}%"
        if one["until"] is not None:
            text += f" for {max(0.0, one['until'] - time.time()):.0f}s more"
        words.append(text)
    return ", ".join(words)
