"""`log`: the journal's past: list it, show one connection, export, clear."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sockwright.cli import manners
from sockwright.cli.watch import dumped, filter_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sockwright.journal.reader import Reader
    from sockwright.journal.transcript import Transcript

EXAMPLES = """\b
Examples:
  sockwright log list                              the last 100 connections
  sockwright log list end:rst since:1h --last 0    all that were reset in the last hour
  sockwright log show 17                           who said what when
  sockwright log show 17 --anatomy                 HTTP, SMTP: every line, and what it means
  sockwright log export --as pcapng -o out.pcapng  for Wireshark
  sockwright log export proto:http -o out.har      HTTP exchanges
  sockwright log export proto:smtp --as eml -o all/ mails as they came, refused ones too

\b
Filter: key:value (is), key~value (contains), key>value; -term excludes; a word alone is looked for in the bytes.
Keys and more: docs/reference/journal.md
"""
# Connections listed where nobody says how many.
LAST = 100

_FILTERED = {"ignore_unknown_options": True}


def _journal_option(function: Callable[..., None]) -> Callable[..., None]:
    return click.option("--journal", "journal_file", metavar="FILE", help="Another journal than the user's.")(function)


@click.group("log", epilog=EXAMPLES)
def command() -> None:
    """The journal's past."""


@command.command("list", context_settings=_FILTERED)
@click.argument("words", nargs=-1, metavar="[FILTER]")
@click.option("--last", type=click.IntRange(0), default=LAST, show_default=True, help="So many; 0 for all.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@_journal_option
def list_command(words: tuple[str, ...], last: int, as_json: bool, journal_file: str | None) -> None:
    """List connections, the newest last."""
    import time
    from itertools import islice

    from sockwright.journal.query import find, parse

    wanted = parse(filter_text(words))
    with _reader(journal_file) as reader:
        found = list(islice(find(reader, wanted, time.time()), last + 1 if last else None))
        for connection in reversed(found[:last] if last else found):
            click.echo(dumped(connection.as_dict()) if as_json else connection.line())
        if last and len(found) > last:
            manners.remark("there are earlier ones; --last 0 lists all")
        if not found:
            manners.remark("nothing in the journal matches" if wanted.terms else "the journal is empty")


@command.command("show")
@click.argument("numbers", nargs=-1, required=True, metavar="N...")
@click.option("--hex", "as_hex", is_flag=True, help="All bytes as a hexdump.")
@click.option("--all", "whole", is_flag=True, help="Long chunks to their end.")
@click.option("--anatomy", is_flag=True, help="HTTP, SMTP: each line with its meaning.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per connection, with all its records.")
@_journal_option
def show_command(
    numbers: tuple[str, ...], as_hex: bool, whole: bool, anatomy: bool, as_json: bool, journal_file: str | None
) -> None:
    """Show who said what when in connection N."""
    from sockwright.journal.export.jsonl import as_dict
    from sockwright.journal.show import told

    with _reader(journal_file) as reader:
        for place, transcript in enumerate([_transcript(reader, number) for number in numbers]):
            if anatomy:
                _anatomy(transcript, place, whole, as_json)
                continue
            if as_json:
                click.echo(dumped(as_dict(transcript)))
                continue
            if place:
                click.echo()
            for line in told(transcript, as_hex, whole):
                click.echo(line)


def _anatomy(transcript: Transcript, place: int, whole: bool, as_json: bool) -> None:
    """Show a connection's HTTP messages taken apart, each request before its responses."""
    from sockwright.wire import anatomy

    connection = transcript.connection
    if connection.opened.proto == "smtp" or (
        connection.opened.proto == "tcp" and transcript.both_ways()[1].startswith((b"220 ", b"220-"))
    ):
        _dialogue(transcript, place, whole, as_json)
        return
    if connection.opened.proto not in ("http", "https", "xmlrpc", "tcp"):
        cure = f"sockwright log show {connection.number} shows what was said"
        raise manners.Stop(
            manners.WRONG, f"connection {connection.number} is {connection.opened.proto}, not HTTP or SMTP", cure
        )
    asked = anatomy.requests_in(transcript.stream("received"))
    methods = [message.lines[0].parts.get("method", "GET") for message in asked]
    whole_stream = connection.until is not None and not transcript.missing("sent").size
    ended = whole_stream and not any(chunk.is_cut for chunk in transcript.chunks("sent"))
    answers = anatomy.responses_in(transcript.stream("sent"), methods, ended=ended)
    if as_json:
        both = {"requests": asked, "responses": answers}
        shown = {name: [anatomy.as_dict(message) for message in messages] for name, messages in both.items()}
        click.echo(dumped({"number": connection.number, **shown}))
        return
    if place:
        click.echo()
    left = list(answers)
    for message in asked:
        click.echo("\n".join(anatomy.told(message, whole)))
        while left:
            answer = left.pop(0)
            click.echo("\n".join(anatomy.told(answer, whole)))
            if not answer.lines[0].parts.get("status code", "").startswith("1"):
                break
    for answer in left:
        click.echo("\n".join(anatomy.told(answer, whole)))


def _dialogue(transcript: Transcript, place: int, whole: bool, as_json: bool) -> None:
    """Show a connection's SMTP dialogue taken apart, each command before its reply."""
    from sockwright.wire import smtp_anatomy

    steps = smtp_anatomy.steps_in(*transcript.both_ways())
    if as_json:
        shown = [smtp_anatomy.as_dict(step) for step in steps]
        click.echo(dumped({"number": transcript.connection.number, "dialogue": shown}))
        return
    if place:
        click.echo()
    for step in steps:
        click.echo("\n".join(smtp_anatomy.told(step, whole)))


def _transcript(reader: Reader, number: str) -> Transcript:
    from itertools import islice

    digits = number.removeprefix("#")
    if not (digits.isascii() and digits.isdecimal()):
        raise click.UsageError(f"{number!r} is not the number of a connection; sockwright log list shows them")
    connection = reader.connection(int(digits)) if len(digits) < 19 else None
    if connection is None:
        newest = next(islice(reader.connections(), 1), None)
        cure = f"the newest is {newest.number}; sockwright log list shows more" if newest else "the journal is empty"
        raise manners.Stop(manners.WRONG, f"there is no connection {digits} in the journal", cure)
    return reader.transcript(connection)


@command.command("export", context_settings=_FILTERED)
@click.argument("words", nargs=-1, metavar="[FILTER]")
@click.option(
    "--as", "form", metavar="FORMAT", help="jsonl, har, pcapng, eml or recording; else as the file's name ends."
)
@click.option("-o", "--output", metavar="FILE", help="Write there, eml also into FOLDER/; else to stdout.")
@_journal_option
def export_command(words: tuple[str, ...], form: str | None, output: str | None, journal_file: str | None) -> None:
    """Write connections in another program's format."""
    import sys
    import time
    from pathlib import Path

    from sockwright.journal import export
    from sockwright.journal.query import find, parse

    wanted = parse(filter_text(words))
    name = form or (Path(output).suffix.removeprefix(".") if output else "")
    if not name:
        raise click.UsageError(f"Say --as {', '.join(export.FORMATS)}, or -o FILE with one of these endings")
    with _reader(journal_file) as reader:
        numbers = [connection.number for connection in find(reader, wanted, time.time())]
        if name == "eml" and output and (output.endswith("/") or Path(output).is_dir()):
            count = _write_mails(Path(output), _transcripts(reader, numbers))
        elif output and output != "-":
            count = _write_file(name, Path(output), _transcripts(reader, numbers))
        else:
            if sys.stdout.isatty() and name in export.FORMATS and export.FORMATS[name][1]:
                raise manners.Stop(manners.USAGE, f"{name} is binary, and stdout a terminal", "write it with -o FILE")
            count = export.write(name, _transcripts(reader, numbers), sys.stdout.buffer)
            sys.stdout.buffer.flush()
    where = f" -> {output}" if output and output != "-" else ""
    manners.remark(
        f"{count} of {len(numbers)} connections{where}" if count < len(numbers) else f"{count} connections{where}"
    )


def _transcripts(reader: Reader, numbers: list[int]) -> Iterator[Transcript]:
    for number in reversed(numbers):
        connection = reader.connection(number)
        if connection is not None:  # trimmed in the meantime
            yield reader.transcript(connection)


def _write_mails(folder: Path, transcripts: Iterator[Transcript]) -> int:
    from sockwright.errors import ConfigError
    from sockwright.journal.export.eml import write_each

    try:
        return write_each(transcripts, folder)
    except OSError as wrong:
        raise ConfigError(f"cannot write into {folder}: {wrong.strerror}") from None


def _write_file(name: str, path: Path, transcripts: Iterator[Transcript]) -> int:
    """Write beside `path`, then put it in place, so that it is whole or not there."""
    import os

    from sockwright.errors import ConfigError
    from sockwright.journal import export

    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        try:
            with draft.open("wb") as out:
                count = export.write(name, transcripts, out)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as wrong:
        raise ConfigError(f"cannot write {path}: {wrong.strerror}") from None
    return count


@command.command("clear")
@_journal_option
def clear_command(journal_file: str | None) -> None:
    """Forget all connections that have ended."""
    from sockwright.journal.connections import bytes_words

    with _reader(journal_file) as reader:
        count, freed = reader.clear()
    manners.remark(f"{count} connections forgotten, {bytes_words(freed)} of disk freed")


def _reader(journal_file: str | None) -> Reader:
    """Return the journal's reader, once the living runs have written what they hold."""
    from pathlib import Path

    from sockwright.journal.reader import Reader, default_path

    reader = Reader(Path(journal_file) if journal_file else default_path())
    if not reader.catch_up():
        manners.remark("a run does not answer; what it did last may be missing here")
    return reader
