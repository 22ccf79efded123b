"""The command line: one module per verb, each loaded only when it is asked for.

A verb is a module `cli/<verb>.py` that defines `command` (a click command) and one line in `VERBS`.
Only click may be imported at the top of these modules: `sockwright --help` answers in under 150 ms.
"""

from __future__ import annotations

import importlib
import sys

import click

from sockwright import __version__
from sockwright.cli import manners

# verb -> (module in this package, what --help says of it). In the order a person meets them.
VERBS: dict[str, tuple[str, str]] = {
    "up": ("up", "every service in one process: the main job"),
    "serve": ("serve", "one service on endpoints"),
    "tap": ("tap", "a recording relay between any client and any server"),
    "replay": ("replay", "a recording played again as client"),
    "break": ("break_", "faults on a running bench"),
}

EXAMPLES = """\b
Examples:
  sockwright up                                   every service, one process
  sockwright call tcp://:7007 hello               talk to one
  sockwright serve tcp://:9000 --do app.py:shout  your own function as a server
  sockwright watch                                see what goes over the wire
"""


class Verbs(click.Group):
    """A group that imports a verb's module when the verb is used, and only then."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command = importlib.import_module(f"sockwright.cli.{VERBS[cmd_name][0]}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, line) for verb, (_, line) in VERBS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in VERBS:
            ctx.fail(f"There is no verb {args[0]!r}.{manners.nearest(args[0], VERBS)}")
        return super().resolve_command(ctx, args)


@click.group(
    cls=Verbs,
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "SOCKWRIGHT"},
)
@click.version_option(__version__, prog_name="sockwright")
def group() -> None:
    """A network workbench: serves, calls, watches, breaks and checks TCP, UDP, HTTP, XML-RPC and SMTP."""


def main() -> None:
    """Run the program on `sys.argv` and exit with INTERFACE's codes."""
    sys.exit(manners.run(group))
