"""`explain`: short lessons about what surprises people who write network programs. Each is a file in `lessons/`."""

from __future__ import annotations

import sys
from importlib.resources import files
from typing import Any

import click

from sockwright.cli import manners

# In the order in which a person meets them.
TOPICS = (
    "half-close",
    "message-is-not-a-recv",
    "address-in-use",
    "time-wait",
    "backlog",
    "nagle",
    "loopback-and-lan",
    "udp-loss",
    "tls-certificates",
    "pickle",
)

EXAMPLES = """\b
Without TOPIC: what there is. The commands in a lesson need `sockwright up`
running in another terminal.

\b
Examples:
  sockwright explain
  sockwright explain half-close
"""


def lesson(topic: str) -> str:
    """Return the lesson as Markdown."""
    return (files("sockwright.cli") / "lessons" / f"{topic}.md").read_text("utf-8")


def title(text: str) -> str:
    """Return a lesson's first line without its mark."""
    return text.partition("\n")[0].lstrip("# ")


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(topic, help=title(lesson(topic))) for topic in TOPICS if topic.startswith(incomplete)]


@click.command("explain", epilog=EXAMPLES)
@click.argument("topic", nargs=-1, shell_complete=_complete)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
def command(topic: tuple[str, ...], as_json: bool) -> None:
    """Explain TOPIC: what one sees, why, what to do, and a command to try."""
    if not topic:
        width = max(map(len, TOPICS))
        for name in TOPICS:
            about = title(lesson(name))
            if as_json:
                manners.emit({"topic": name, "title": about})
            else:
                click.echo(f"{name:<{width}}  {about}")
        return
    wanted = "-".join(topic).lower().replace("_", "-")
    if wanted not in TOPICS:
        nearest = manners.nearest(wanted, TOPICS)
        raise click.UsageError(f"There is no lesson {wanted!r}.{nearest} sockwright explain lists them.")
    text = lesson(wanted)
    if as_json:
        manners.emit({"topic": wanted, "title": title(text), "text": text})
    elif manners.colours(sys.stdout):
        _render(text)
    else:
        click.echo(text, nl=False)


def _render(text: str) -> None:
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console(width=min(Console().width, 100))
    console.print(Markdown(text, code_theme="ansi_dark"))
