"""`decode`: the codebook's client. Sends the list, prints the plain words."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from sockwright.cli import manners
from sockwright.cli.kinds import DURATION

if TYPE_CHECKING:
    from sockwright.endpoint import Endpoint

PORT = 7053
# Words after which a progress bar is worth its line.
MANY = 20_000

EXAMPLES = """\b
Words are printed in their order, on one line; words that came by lines (-) on as many lines. What the book does not
know is marked with a question mark, and then the exit code is 1. A word with blanks in it is one argument.

\b
Examples:
  sockwright decode khoor zruog
  sockwright decode - < words.txt
  sockwright decode --book atbash --json svool
  sockwright decode --at xmlrpc://:7081 khoor zruog
"""


@click.command("decode", epilog=EXAMPLES)
@click.argument("words", nargs=-1, metavar="WORD... | -")
@click.option("--at", "at", default=f"tcp://:{PORT}", metavar="ENDPOINT", help="Where the codebook is (tcp://:7053).")
@click.option("--book", default="", metavar="NAME", help="Which book, where there are several.")
@click.option("--encode", is_flag=True, help="The other way: plain words in, enciphered ones out.")
@click.option("--wait", type=DURATION, default=5.0, metavar="TIME", help="Give up after so much silence (5s).")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per word.")
def command(words: tuple[str, ...], at: str, book: str, encode: bool, wait: float, as_json: bool) -> None:
    """Decipher WORDs by a codebook."""
    from sockwright.client.codebook import decode
    from sockwright.endpoint import parse

    if not words:
        raise click.UsageError("Give words to decipher, or - to read them from standard input.")
    if "-" in words and len(words) > 1:
        raise click.UsageError("- reads all words from standard input; give either - or words.")
    endpoint = parse(at)
    lines = _Lines(sys.stdin.buffer) if words == ("-",) else None
    source: Iterable[str] = words if lines is None else lines
    shown = _Shown(lines, as_json)
    try:
        for asked, plain in decode(endpoint, source, book=book, encode=encode, wait=wait):
            shown.add(asked, plain)
    except ConnectionRefusedError as refused:
        shown.end()
        raise _nobody(endpoint, refused) from None
    finally:
        shown.end()
    if shown.unknown:
        manners.remark(f"{shown.unknown} of {shown.count} words are not in the book")
    raise manners.Stop(manners.WRONG if shown.unknown else manners.OK)


def _nobody(endpoint: Endpoint, refused: OSError) -> manners.Stop:
    cure = "sockwright up has a codebook; --at says where else to ask" if endpoint.is_loopback else ""
    return manners.Stop(manners.UNREACHABLE, str(refused.strerror or refused), cure)


class _Lines:
    """The words of standard input, one by one, and behind which of them a line ended."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self.ends: list[int] = []  # counts of words, ascending; an empty line repeats one
        self.size = 0  # bytes read so far

    @property
    def whole(self) -> int | None:
        """How many bytes there are in all, None where that is not known: only a file tells."""
        about = os.fstat(self._source.fileno())
        return about.st_size if stat.S_ISREG(about.st_mode) else None

    def __iter__(self) -> Iterator[str]:
        count = 0
        for number, line in enumerate(self._source, 1):
            self.size += len(line)
            try:
                words = line.decode("utf-8-sig" if number == 1 else "utf-8").split()
            except UnicodeDecodeError as wrong:
                raise manners.Stop(
                    manners.USAGE,
                    f"standard input, line {number}: byte 0x{line[wrong.start]:02x} is not UTF-8",
                    "for Windows-1251: iconv -f cp1251 -t utf-8",
                ) from None
            for word in words:
                count += 1
                yield word
            self.ends.append(count)


class _Shown:
    """Prints what comes: the words of one line on one line."""

    def __init__(self, lines: _Lines | None, as_json: bool) -> None:
        self.count = self.unknown = 0
        self._lines = lines
        self._next_end = 0
        self._as_json = as_json
        self._open = False
        self._ended = False
        self._colours = manners.colours(sys.stdout)
        self._is_terminal = sys.stdout.isatty()
        self._bar: Any = None

    def add(self, asked: Sequence[str], plain: Sequence[str | None]) -> None:
        if self._as_json:
            import msgspec

            rows = [
                msgspec.json.encode({"word": word, "plain": found}) for word, found in zip(asked, plain, strict=True)
            ]
            sys.stdout.write(b"\n".join(rows).decode() + "\n")
            self.unknown += sum(found is None for found in plain)
            self.count += len(plain)
        else:
            self._write(asked, plain)
        if self.count >= MANY:
            self._progress()

    def _write(self, asked: Sequence[str], plain: Sequence[str | None]) -> None:
        parts: list[str] = []
        ends = self._lines.ends if self._lines is not None else []
        for word, found in zip(asked, plain, strict=True):
            while self._next_end < len(ends) and self.count == ends[self._next_end]:
                parts.append("\n")
                self._open = False
                self._next_end += 1
            if self._open:
                parts.append(" ")
            parts.append(self._safe(found) if found is not None else self._marked(word))
            self._open = True
            self.count += 1
        sys.stdout.write("".join(parts))

    def _safe(self, text: str) -> str:
        if not self._is_terminal or text.isprintable():
            return text
        from sockwright.wire.visible import visible

        return visible(text)

    def _marked(self, word: str) -> str:
        self.unknown += 1
        text = "?" + self._safe(word)
        return click.style(text, fg="red") if self._colours else text

    def _progress(self) -> None:
        if not sys.stderr.isatty() or self._is_terminal:
            return
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            # How many words there will be nobody knows before the end of the input; of a file, how many bytes.
            columns = (
                TextColumn("deciphering"),
                BarColumn(),
                TextColumn("{task.fields[words]:,} words"),
                TimeRemainingColumn(compact=True),
            )
            self._bar = Progress(
                *columns,
                console=Console(stderr=True),
                transient=True,
                redirect_stdout=False,  # else what we write to a file on stdout goes to the terminal instead
                redirect_stderr=False,
            )
            self._bar.start()
            self._bar.add_task("", total=self._lines.whole if self._lines is not None else None, words=0)
        self._bar.update(0, completed=self._lines.size if self._lines is not None else 0, words=self.count)

    def end(self) -> None:
        """End the last line; does nothing the second time."""
        if self._ended:
            return
        self._ended = True
        if self._bar is not None:
            self._bar.stop()
        if self._lines is not None and not self._as_json:
            left = len(self._lines.ends) - self._next_end if self.count == (self._lines.ends or [0])[-1] else 1
            sys.stdout.write("\n" * max(left, 1 if self._open else 0))
        elif self._open:
            sys.stdout.write("\n")
        sys.stdout.flush()
