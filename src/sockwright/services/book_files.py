"""Codebooks as files: CSV, TSV and JSON, read whole or not at all, every bad row named with its line.

CSV and TSV have two columns, the enciphered word and the plain one; a first row `word,plain` is a heading. CSV may use
`;`, as spreadsheets of many countries do. JSON is an object, an array of pairs, or one of objects with `word` and
`plain`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sockwright.errors import ConfigError, ServiceError
from sockwright.services.books import entry_of
from sockwright.wire.visible import visible

FORMATS = ("csv", "tsv", "json")
HEADING = ("word", "plain")
# Problems that are told one by one.
TOLD = 20

Place = str  # "line 7", or in JSON "entry 7"


class BadRows(ServiceError):
    """The file holds rows that cannot be taken over; `problems` are (place, what is wrong), in order."""

    def __init__(self, name: str, problems: list[tuple[Place, str]], count: int) -> None:
        shown = [f"  {place}: {why}" for place, why in problems]
        if count > len(problems):
            shown.append(f"  ... and {count - len(problems)} more")
        rows = "1 row" if count == 1 else f"{count} rows"
        super().__init__("\n".join([f"{name}: {rows} cannot be taken over, so nothing was changed", *shown]))
        self.problems = problems
        self.count = count


@dataclass(frozen=True, slots=True)
class Read:
    """What a file holds: `entries` as a store keeps them, and where each word stands."""

    entries: dict[bytes, bytes]
    places: dict[bytes, int]
    unit: str

    def place(self, word: bytes) -> Place:
        return f"{self.unit} {self.places[word]}"


def text_of(content: bytes, name: str, encoding: str = "") -> str:
    """Return the text of a file: UTF-8, with or without a byte order mark, unless `encoding` says otherwise.

    Raises: ConfigError with the encoding it seems to have.
    """
    try:
        return content.decode(encoding or "utf-8-sig")
    except LookupError:
        raise ConfigError(f"there is no encoding {encoding!r}", cure="utf-8, cp1251, utf-16 and others are") from None
    except UnicodeDecodeError as wrong:
        line = content.count(b"\n", 0, wrong.start) + 1
        cure = f"name its encoding: --encoding {_seems(content)}"
        said = encoding or "UTF-8"
        byte = content[wrong.start : wrong.start + 1].hex()
        raise ConfigError(f"{name}, line {line}: byte 0x{byte} is not {said}", cure=cure) from None


def _seems(content: bytes) -> str:
    """Guess the encoding of what is not UTF-8."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    letters = sum(byte >= 0xC0 for byte in content)  # where Windows-1251 has its letters, all 64 of them
    high = sum(byte >= 0x80 for byte in content)
    return "cp1251   (it looks like Windows-1251)" if letters >= 0.8 * high else "cp1252"


def format_of(name: str, text: str) -> str:
    """Return the format of a file by its name, else by what it begins with."""
    ending = name.rpartition(".")[2].lower()
    if ending in FORMATS:
        return ending
    start = text.lstrip()[:1]
    if start in ("{", "["):
        return "json"
    return "tsv" if "\t" in text.partition("\n")[0] else "csv"


def read_book(text: str, name: str, form: str = "") -> Read:
    """Return the book in `text`.

    Raises: BadRows naming every row that is wrong, and words that mean two things.
    """
    form = form or format_of(name, text)
    rows = _json_rows(text, name) if form == "json" else _rows(text, form)
    read = Read({}, {}, "entry" if form == "json" else "line")
    problems: list[tuple[Place, str]] = []
    count = 0
    for number, row in rows:
        try:
            if not isinstance(row, tuple):
                raise ServiceError(row)
            word, plain = entry_of(*row)
            if read.entries.setdefault(word, plain) != plain:
                was, now = (visible(one, 60) for one in (read.entries[word], plain))
                raise ServiceError(f"{visible(word, 60)!r} is {was!r} in {read.place(word)}, and {now!r} here")
            read.places.setdefault(word, number)
        except ServiceError as wrong:
            count += 1
            if len(problems) < TOLD:
                problems.append((f"{read.unit} {number}", str(wrong)))
    if count:
        raise BadRows(name, problems, count)
    return read


def against(read: Read, book: Mapping[bytes, bytes], name: str) -> None:
    """Look whether `book` already says something else.

    Raises: BadRows.
    """
    problems = [
        (
            read.place(word),
            f"{visible(word, 60)!r} is {visible(book[word], 60)!r} in the book, and {visible(plain, 60)!r} here",
        )
        for word, plain in read.entries.items()
        if book.get(word, plain) != plain
    ]
    if problems:
        raise BadRows(name, problems[:TOLD], len(problems))


def _rows(text: str, form: str) -> Iterator[tuple[int, tuple[str, str] | str]]:
    """Yield (line, word and plain word, or what is wrong)."""
    if form == "tsv":
        reader = csv.reader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE)
    else:
        first = text.partition("\n")[0]
        reader = csv.reader(io.StringIO(text), delimiter=";" if ";" in first and "," not in first else ",")
    begun = False
    line = 1
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as wrong:
            yield line, str(wrong)
            line = reader.line_num + 1
            continue
        columns = [column.strip() for column in row]
        if any(columns):
            if not begun and tuple(column.lower() for column in columns) == HEADING:
                pass
            elif len(columns) == 2:
                yield line, (columns[0], columns[1])
            else:
                yield line, f"{len(columns)} columns; a row has two, the enciphered word and the plain one"
            begun = True
        line = reader.line_num + 1


def _json_rows(text: str, name: str) -> Iterator[tuple[int, tuple[str, str] | str]]:
    def pairs(items: list[tuple[str, Any]]) -> Any:
        return _Pairs(items)

    try:
        content = json.loads(text, object_pairs_hook=pairs)
    except (json.JSONDecodeError, RecursionError) as wrong:
        where = f", line {wrong.lineno}" if isinstance(wrong, json.JSONDecodeError) else ""
        what = wrong.msg if isinstance(wrong, json.JSONDecodeError) else "too deep"
        raise ConfigError(f"{name}{where}: this is not JSON: {what}") from None
    if not isinstance(content, list):
        raise ConfigError(f"{name}: an object, or an array of pairs, was expected")
    for number, item in enumerate(content, 1):
        if isinstance(item, _Pairs) and sorted(key for key, _ in item) == sorted(HEADING):
            item = tuple(dict(item)[key] for key in HEADING)
        if isinstance(item, list | tuple) and len(item) == 2 and all(isinstance(part, str) for part in item):
            try:
                "".join(item).encode()
            except UnicodeEncodeError:
                yield number, "half of a surrogate pair is no character"
            else:
                yield number, (item[0], item[1])
        else:
            yield number, f"two texts were expected, and {visible(repr(item), 60)} came"


class _Pairs(list[tuple[str, Any]]):
    """A JSON object with every member, also those whose name comes twice."""


def write_book(entries: Iterable[tuple[bytes, bytes]], form: str) -> Iterator[str]:
    """Yield the text of a book, piece by piece, in the order given; `read_book` reads it back."""
    pairs = ((word.decode(), plain.decode()) for word, plain in entries)
    if form == "json":
        first = True
        for word, plain in pairs:
            yield ("{\n  " if first else ",\n  ") + json.dumps(word, ensure_ascii=False) + ": "
            yield json.dumps(plain, ensure_ascii=False)
            first = False
        yield "{}\n" if first else "\n}\n"
        return
    out = io.StringIO()
    if form == "tsv":
        for word, plain in (HEADING, *pairs):
            yield f"{word}\t{plain}\n"
        return
    writer = csv.writer(out, lineterminator="\n")
    for row in (HEADING, *pairs):
        writer.writerow(row)
        yield out.getvalue()
        out.seek(0)
        out.truncate()
