"""Write docs/reference/cli.md from the commands themselves, so that it cannot say what they do not."""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import click

from sockwright.cli import VERBS, group, manners

PAGE = Path(__file__).resolve().parent / "reference" / "cli.md"

HEAD = """\
<!-- Made by `python3 dev.py docs` from the commands themselves: change those, not this page. -->

# Command line

Verb first, then URL-like [endpoints](endpoints.md). Data goes to stdout, remarks to stderr. Each option has an
environment variable, and another without the verb for all verbs (`SOCKWRIGHT_WAIT`). A flag wins over it, it wins over
`./sockwright.toml`, that over the user's config file; `sockwright config show` says where each value comes from.

"""

EXIT_CODES = (
    (manners.OK, "all went well; also after SIGTERM, once conversations have been drained"),
    (manners.WRONG, "the answer or the check was wrong: `--expect`, unknown words, broken links, failed checks"),
    (manners.USAGE, "wrong usage or configuration"),
    (manners.UNREACHABLE, "cannot connect or bind"),
    (manners.DEADLINE, "the deadline passed"),
    (manners.BROKEN_OFF, "the peer broke off or broke the protocol"),
    (manners.INTERRUPTED, "Ctrl-C"),
)


def page() -> str:
    """Return the whole page."""
    root = click.Context(group, info_name="sockwright", auto_envvar_prefix="SOCKWRIGHT")
    parts = [HEAD, "| verb | job |\n|---|---|\n"]
    parts += [f"| [`{verb}`](#sockwright-{verb}) | {cell(line)} |\n" for verb, (_, line) in VERBS.items()]
    for verb in VERBS:
        command = group.get_command(root, verb)
        assert command is not None
        parts += sections(command, f"sockwright {verb}", root, 2)
    parts.append("\n## Exit codes\n\n| code | meaning |\n|---|---|\n")
    parts += [f"| {code} | {meaning} |\n" for code, meaning in EXIT_CODES]
    return "".join(parts)


def sections(command: click.Command, path: str, above: click.Context, level: int) -> Iterator[str]:
    """Yield the section of `command`, then those of the commands below it."""
    own = path.rpartition(" ")[2]
    context = command.context_class(command, parent=above, info_name=own, **command.context_settings)
    pieces = " ".join(command.collect_usage_pieces(context))
    yield f"\n{'#' * level} {path}\n\n    {path} {pieces}".rstrip() + "\n"
    if command.help:
        yield f"\n{prose(command.help)}\n"
    rows = [row for parameter in command.get_params(context) if (row := option(parameter, context))]
    if rows:
        yield "\n| option | environment | meaning |\n|---|---|---|\n" + "".join(rows)
    if command.epilog:
        yield "\n" + blocks(command.epilog)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                yield from sections(below, f"{path} {name}", context, level + 1)


def option(parameter: click.Parameter, context: click.Context) -> str:
    """Return the table's row for an option; nothing for arguments, which the usage shows, and for --help."""
    if not isinstance(parameter, click.Option) or parameter.hidden or "--help" in parameter.opts:
        return ""
    names = ", ".join(f"`{name}`" for name in parameter.opts)
    if parameter.secondary_opts:
        names += " / " + ", ".join(f"`{name}`" for name in parameter.secondary_opts)
    if not parameter.is_flag and not parameter.count:
        names = names[:-1] + f" {parameter.make_metavar(context)}`"
    named = parameter.envvar  # several: the closest first
    variable = (named if isinstance(named, str | None) else named[0]) or (
        f"{context.auto_envvar_prefix}_{parameter.name.upper()}"
        if context.auto_envvar_prefix and parameter.allow_from_autoenv and parameter.name
        else ""
    )
    return f"| {cell(names)} | {f'`{variable}`' if variable else ''} | {cell(parameter.help or '')} |\n"


def prose(text: str) -> str:
    """Return help text as Markdown: without click's marks, and without what follows a form feed."""
    return inspect.cleandoc(text).partition("\f")[0].replace("\b\n", "").strip()


def blocks(epilog: str) -> str:
    """Return an epilog's paragraphs as Markdown: what stands indented below a line becomes code."""
    made = []
    for paragraph in inspect.cleandoc(epilog).split("\n\n"):
        first, *rest = paragraph.removeprefix("\b\n").split("\n")
        if rest and all(line.startswith("  ") for line in rest):
            code = textwrap.dedent("\n".join(rest))
            made.append(f"{first}\n\n```text\n{code}\n```\n")
        else:
            made.append("\n".join([first, *rest]).strip() + "\n")
    return "\n".join(made)


def cell(text: str) -> str:
    """Return `text` for a table's cell."""
    return " ".join(text.split()).replace("|", "\\|")


def main(words: list[str]) -> int:
    """Write the page, or with `--check` say whether it is stale."""
    made = page()
    if PAGE.exists() and PAGE.read_text("utf-8") == made:
        return 0
    if "--check" in words:
        sys.stderr.write("docs/reference/cli.md is stale; run: python3 dev.py docs\n")
        return 1
    PAGE.write_text(made, "utf-8", newline="\n")
    sys.stderr.write("docs/reference/cli.md written\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
