"""The command line: one module per verb, each loaded only when it is asked for.

A verb is a module `cli/<verb>.py` that defines `command` (a click command) and one line in `VERBS`.
Only click may be imported at the top of these modules: `sockwright --help` answers in under 150 ms. One that defines
`foresee` is told the words behind the verb before they are understood, to begin at once what takes its time.
"""

from __future__ import annotations

import gc
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
    "call": ("call", "a client for each scheme"),
    "decode": ("decode", "codebook client: prints the plain words for enciphered ones"),
    "codebook": ("codebook", "manages codebooks: import, export, list, show, set, remove, make"),
    "join": ("join", "people client: says who you are and stays"),
    "people": ("people", "who is connected"),
    "links": ("links", "check the links of pages, sites, files and sitemaps"),
    "symbols": ("symbols", "the warm-up: prints the symbol typed last"),
    "mail": ("mail", "the mail sink's mailbox, and sending"),
    "watch": ("watch", "a live tail of what goes over the wire"),
    "log": ("log", "its past: list, show, export, clear"),
    "explain": ("explain", "short lessons on what surprises people"),
    "doctor": ("doctor", "looks at this machine: versions, limits, ports"),
    "ready": ("ready", "waits until endpoints answer"),
    "config": ("config_verb", "which settings count, where files are, our CA"),
    "completion": ("completion", "lets bash, zsh or fish complete our words"),
}

EXAMPLES = """\b
Examples:
  sockwright up                                   every service, one process
  sockwright call tcp://:7007 hello               talk to one
  sockwright serve tcp://:9000 --do app.py:shout  your own function as a server
  sockwright watch                                see what goes over the wire
"""


def load(verb: str) -> click.Command:
    """Return a verb's command; its module is imported now."""
    from sockwright.cli import settings

    command = importlib.import_module(f"sockwright.cli.{VERBS[verb][0]}").command
    assert isinstance(command, click.Command)
    settings.name_variables(command, verb)
    return command


class Verbs(click.Group):
    """A group that imports a verb's module when the verb is used, and only then."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return load(cmd_name) if cmd_name in VERBS else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, line) for verb, (_, line) in VERBS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in VERBS:
            ctx.fail(f"There is no verb {args[0]!r}.{manners.nearest(args[0], VERBS)}")
        asks_for_help = not set(args[1:]).isdisjoint(ctx.help_option_names)
        if args and args[0] in VERBS and not ctx.resilient_parsing and not asks_for_help:
            foresee = getattr(importlib.import_module(f"sockwright.cli.{VERBS[args[0]][0]}"), "foresee", None)
            if foresee is not None:
                foresee(ctx, args[1:])
        name, command, rest = super().resolve_command(ctx, args)
        if name is not None and command is not None and not ctx.resilient_parsing and not asks_for_help:
            from sockwright.cli import settings

            ctx.default_map = {name: settings.default_map(command, name, VERBS, load)}
        return name, command, rest


@click.group(
    cls=Verbs,
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="sockwright")
def group() -> None:
    """A network workbench: serves, calls, watches, breaks and checks TCP, UDP, HTTP, XML-RPC and SMTP."""


def main() -> None:
    """Run the program on `sys.argv` and exit with INTERFACE's codes."""
    code = manners.run(group)
    # What is left ends with the process: the search for cycles on the way out took 40 ms after a large run.
    gc.freeze()
    sys.exit(code)
