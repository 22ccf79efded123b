"""Who is connected, on the server's own screen: a live table on a terminal, a line per event elsewhere."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sockwright.wire.people import LONGEST_NAME, read_told
from sockwright.wire.visible import visible

if TYPE_CHECKING:
    from rich.table import Table

    from sockwright.services.presence import Registry

# People that a screen has room for; the others are counted.
ROWS = 30
# Between two pictures (seconds).
PACE = 0.25


def show(registry: Registry, as_json: bool = False) -> Callable[[], None]:
    """Show who is connected from now on; return how to stop that."""
    return _on_terminal(registry) if sys.stdout.isatty() and not as_json else _in_lines(registry, as_json)


def _in_lines(registry: Registry, as_json: bool) -> Callable[[], None]:
    seen = registry.count

    def tell() -> None:
        nonlocal seen
        latest, seen = registry.latest(seen), registry.count
        events = (latest or b"").splitlines()
        lines = [event.decode() if as_json else line_of(read_told(event)) for event in events]
        try:
            sys.stdout.write("".join(line + "\n" for line in lines))
            sys.stdout.flush()
        except (OSError, ValueError):  # whoever read our lines is gone; the bench goes on
            pass

    registry.watchers.append(tell)
    return lambda: registry.watchers.remove(tell)


def line_of(event: dict[str, Any]) -> str:
    """Return one event as a line."""
    sign = "+" if event["event"] == "join" else "-"
    name = visible(str(event["name"]), LONGEST_NAME)
    return f"{sign} {name}, {event['age']}  #{event['id']}  {event['peer']}  {event['connected']} connected"


def _on_terminal(registry: Registry) -> Callable[[], None]:
    from rich.live import Live

    live = Live(_table(registry), auto_refresh=False)
    changed = threading.Event()
    over = threading.Event()

    def draw() -> None:
        while not over.is_set():
            changed.wait()
            changed.clear()
            live.update(_table(registry), refresh=True)
            over.wait(PACE)

    def stop() -> None:
        over.set()
        registry.watchers.remove(changed.set)
        changed.set()
        thread.join()
        live.stop()

    registry.watchers.append(changed.set)
    live.start(refresh=True)
    thread = threading.Thread(target=draw, name="sockwright-people-table", daemon=True)
    thread.start()
    return stop


def _table(registry: Registry) -> Table:
    from rich.markup import escape
    from rich.table import Table

    total = len(registry)
    count = "nobody is" if not total else "1 person is" if total == 1 else f"{total:,} people are"
    title = f"state unavailable: {registry.trouble}" if registry.trouble else f"{count} connected"
    table = Table(title=escape(visible(title)), title_justify="left")
    for heading in ("#", "name", "age", "from"):
        table.add_column(heading, justify="right" if heading in ("#", "age") else "left")
    for one in registry.newest(ROWS):
        name = escape(visible(str(one["name"]), LONGEST_NAME))
        table.add_row(str(one["id"]), name, str(one["age"]), escape(visible(str(one.get("peer", "")))))
    if total > ROWS:
        table.caption = f"and {total - ROWS:,} who came before"
    return table
