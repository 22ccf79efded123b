"""`links --why URL`: the exchange behind a verdict, from memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sockwright.cli import manners

if TYPE_CHECKING:
    from pathlib import Path


def why(url: str, store: Path | None, as_json: bool) -> None:
    """Show the exchanges behind what was found out about `url`, one after another where it redirects."""
    from sockwright.links.credentials import bare
    from sockwright.links.evidence import told
    from sockwright.links.inputs import url_text
    from sockwright.links.run import open_memory
    from sockwright.wire.visible import visible

    memory = open_memory(store, manners.remark) if store is not None and store.exists() else None
    if memory is None:
        raise manners.Stop(manners.WRONG, "nothing is remembered yet", f"sockwright links {visible(url)}")
    address, seen = url_text(url).partition("#")[0], set[str]()
    while address and address not in seen:
        seen.add(address)
        known = memory.recall(address) or memory.recall(bare(address))
        if known is None:
            break
        outcome = known.outcome
        address, here = outcome.location.partition("#")[0], address
        if as_json:
            manners.emit({"url": bare(here), "class": outcome.kind, "reason": outcome.reason, "why": outcome.why})
            continue
        click.echo(f"{visible(bare(here))}: {outcome.kind}: {visible(outcome.reason)}")
        for line in told(outcome.why or {}):
            click.echo(line)
    memory.close()
    if len(seen) == 1 and known is None:
        raise manners.Stop(manners.WRONG, f"nothing is known of {visible(url)}", "it was never asked, or long ago")
