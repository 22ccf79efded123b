"""`codebook`: manages the named books in the store. Running servers see a change at once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sockwright.cli import manners

if TYPE_CHECKING:
    from sockwright.stores import Store

# How often a change is tried again when somebody else changes the same book.
TRIES = 20

EXAMPLES = """\b
Books are kept in the store that up and serve use, so servers that run see a change at once.

\b
Examples:
  sockwright codebook list
  sockwright codebook import words.csv --name school
  sockwright codebook make --cipher caesar:3 --name school words.txt
  sockwright codebook set school khoor hello
  sockwright codebook export school > school.json
"""

STORE = click.option("--store", metavar="URL", help="Where state is kept: a file, redis://HOST:PORT/DB.")
NAME = click.option("--name", required=True, metavar="NAME", help="The book's name.")
JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")


@click.group("codebook", epilog=EXAMPLES)
def command() -> None:
    """Manage codebooks: import, export, list, show, set, remove, make."""


@contextmanager
def _opened(url: str | None) -> Iterator[Store]:
    from sockwright import config
    from sockwright.stores import Unavailable, open_store

    try:
        store = open_store(url or str(config.home().data / "state.db"))
    except Unavailable as wrong:
        raise manners.Stop(manners.UNREACHABLE, str(wrong)) from None
    try:
        yield store
    except Unavailable as wrong:
        raise manners.Stop(manners.WRONG, str(wrong)) from None
    finally:
        store.close()


def _change(
    store: Store, name: str, make: Callable[[dict[bytes, bytes]], tuple[Mapping[bytes, bytes], list[bytes]]], **how: Any
) -> int:
    """Change a book by what `make` makes of what is in it, again where somebody else was quicker; return its size."""
    from sockwright.services.books import table_of
    from sockwright.stores import Stale

    table = table_of(name)
    for _ in range(TRIES):
        revision, words = store.read(table)
        put, drop = make(words)
        try:
            store.change(table, put, drop, expect=revision, **how)
        except Stale:
            continue
        return len(put if how.get("replace") else ({*words, *put} - set(drop)))
    raise manners.Stop(manners.WRONG, f"others change the book {name!r} all the time", "try again")


def _read(store: Store, name: str) -> dict[bytes, bytes]:
    from sockwright.services.books import PREFIX, table_of

    revision, words = store.read(table_of(name))
    if not revision:
        names = [table.removeprefix(PREFIX) for table in store.tables() if table.startswith(PREFIX)]
        cure = f"books: {', '.join(sorted(names)[:20])}" if names else "sockwright codebook import makes one"
        raise manners.Stop(manners.WRONG, f"there is no book {name!r}.{manners.nearest(name, names)}", cure)
    return words


def _content(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as wrong:
        raise manners.Stop(manners.USAGE, f"cannot read {file}: {wrong.strerror}") from None


@command.command("import")
@click.argument("file", metavar="FILE | -")
@NAME
@click.option("--as", "form", type=click.Choice(["csv", "tsv", "json"]), help="What FILE is; else by name or content.")
@click.option("--encoding", default="", metavar="NAME", help="UTF-8 unless said otherwise, such as cp1251.")
@click.option("--overwrite", is_flag=True, help="Where the book says something else, FILE is right.")
@click.option("--replace", is_flag=True, help="What is not in FILE goes.")
@STORE
def import_book(
    file: str, name: str, form: str | None, encoding: str, overwrite: bool, replace: bool, store: str | None
) -> None:
    """Add what FILE holds to a book, or make one; whole or not at all."""
    from sockwright.services import book_files

    read = book_files.read_book(book_files.text_of(_content(file), file, encoding), file, form or "")

    def make(words: dict[bytes, bytes]) -> tuple[Mapping[bytes, bytes], list[bytes]]:
        if not (overwrite or replace):
            try:
                book_files.against(read, words, file)
            except book_files.BadRows as wrong:
                raise manners.Stop(manners.WRONG, str(wrong), "--overwrite takes what the file says") from None
        return read.entries, []

    with _opened(store) as opened:
        size = _change(opened, name, make, replace=replace)
    manners.remark(f"{len(read.entries)} words from {file}; the book {name!r} has {size}")


@command.command("export")
@click.argument("name")
@click.option(
    "--as", "form", type=click.Choice(["csv", "tsv", "json"]), default="csv", help="csv unless said otherwise."
)
@STORE
def export_book(name: str, form: str, store: str | None) -> None:
    """Write a book to standard output."""
    from sockwright.services.book_files import write_book

    with _opened(store) as opened:
        words = _read(opened, name)
    sys.stdout.writelines(write_book(sorted(words.items()), form))
    sys.stdout.flush()


@command.command("list")
@STORE
@JSON
def list_books(store: str | None, as_json: bool) -> None:
    """List the books, and how many words each has."""
    from sockwright.services.books import PREFIX

    with _opened(store) as opened:
        sizes = {
            table.removeprefix(PREFIX): size for table, size in opened.tables().items() if table.startswith(PREFIX)
        }
    if not sizes and not as_json:
        manners.remark("there is no book yet; sockwright up makes a sample, sockwright codebook import a book of yours")
    width = max(map(len, sizes), default=0)
    for name, size in sorted(sizes.items()):
        if as_json:
            manners.emit({"name": name, "words": size})
        else:
            click.echo(f"{name:<{width}}  {size:>9,} words")


@command.command("show")
@click.argument("name")
@click.argument("words", nargs=-1, metavar="[WORD]...")
@STORE
@JSON
def show_book(name: str, words: tuple[str, ...], store: str | None, as_json: bool) -> None:
    """Show a book, or what WORDs mean in it."""
    from sockwright.services.books import Book

    with _opened(store) as opened:
        entries = _read(opened, name)
    missing = False
    rows: list[tuple[str, str | None]]
    if words:
        book = Book(1, entries)
        found = [(word, book.find(word.encode())) for word in words]
        rows = [(word, None if plain is None else plain.decode()) for word, plain in found]
        missing = any(plain is None for _, plain in found)
    else:
        rows = [(word.decode(), plain.decode()) for word, plain in sorted(entries.items())]
    width = min(max((len(word) for word, _ in rows), default=0), 40)
    for word, meaning in rows:
        if as_json:
            manners.emit({"word": word, "plain": meaning})
        else:
            click.echo(f"{word:<{width}}  {meaning if meaning is not None else '?'}")
    raise manners.Stop(manners.WRONG if missing else manners.OK)


@command.command("set")
@click.argument("name")
@click.argument("word")
@click.argument("plain")
@STORE
def set_word(name: str, word: str, plain: str, store: str | None) -> None:
    """Set what WORD means; makes the book where there is none."""
    from sockwright.services.books import entry_of, table_of

    key, value = entry_of(word, plain)
    with _opened(store) as opened:
        opened.change(table_of(name), {key: value})


@command.command("remove")
@click.argument("name")
@click.argument("words", nargs=-1, metavar="[WORD]...")
@STORE
def remove(name: str, words: tuple[str, ...], store: str | None) -> None:
    """Remove WORDs from a book, or the whole book."""
    from sockwright.services.books import nfc, table_of

    with _opened(store) as opened:
        entries = _read(opened, name)
        if not words:
            opened.remove(table_of(name))
            return
        keys = [nfc(word).encode() for word in words]
        if absent := [word for word, key in zip(words, keys, strict=True) if key not in entries]:
            shown = ", ".join(map(repr, absent))
            raise manners.Stop(manners.WRONG, f"not in the book {name!r}: {shown}; nothing was changed")
        opened.change(table_of(name), drop=keys)


@command.command("make")
@click.argument("file", metavar="WORDS.txt | -")
@click.option("--cipher", "how", required=True, metavar="CIPHER", help="caesar:3, atbash, keyword:WORD or sha256.")
@NAME
@click.option("--encoding", default="", metavar="NAME", help="UTF-8 unless said otherwise, such as cp1251.")
@click.option("--replace", is_flag=True, help="Make the book anew where there is one.")
@STORE
def make_book(file: str, how: str, name: str, encoding: str, replace: bool, store: str | None) -> None:
    """Make a book of a list of plain words, by a cipher."""
    from sockwright.services import book_files
    from sockwright.services.books import entry_of
    from sockwright.services.ciphers import cipher

    encipher = cipher(how)
    text = book_files.text_of(_content(file), file, encoding)
    entries: dict[bytes, bytes] = {}
    for word in text.split():
        key, value = entry_of(encipher(word), word)
        if entries.setdefault(key, value) != value:
            raise manners.Stop(
                manners.WRONG, f"{how} makes the same of {entries[key].decode()!r} and {word!r}; nothing was changed"
            )

    def make(words: dict[bytes, bytes]) -> tuple[Mapping[bytes, bytes], list[bytes]]:
        if words and not replace:
            raise manners.Stop(
                manners.WRONG, f"there is a book {name!r} already", "--replace makes it anew; or take another --name"
            )
        return entries, []

    with _opened(store) as opened:
        size = _change(opened, name, make, replace=True)
    manners.remark(f"the book {name!r} has {size} words")
