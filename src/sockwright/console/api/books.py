"""Codebooks: browse, search, change, import, export, and try a list of words."""

from __future__ import annotations

from typing import Any

from sockwright.console.api import Asked, Download, Operation, Parameter
from sockwright.console.desk import Books
from sockwright.errors import ServiceError

# Entries of one page.
PAGE = 1_000
FORMATS = ("csv", "tsv", "json")
TYPES = {
    "csv": "text/csv; charset=utf-8",
    "tsv": "text/tab-separated-values; charset=utf-8",
    "json": "application/json",
}


def _books(asked: Asked) -> Books:
    books = asked.desk.books
    if books is None:
        raise ServiceError("there are no codebooks here: this bench has no `codebook`", code=404)
    return books


def _text(asked: Asked, name: str) -> str:
    value = asked.content.get(name)
    if not isinstance(value, str):
        raise ServiceError(f"{name} is text", code=400)
    return value


def get_books(asked: Asked) -> dict[str, Any]:
    return {"books": [{"name": name, "size": size} for name, size in _books(asked).sizes().items()]}


def post_book(asked: Asked) -> dict[str, Any]:
    name = _text(asked, "name")
    _books(asked).make(name)
    return {"name": name, "size": 0}


def get_book(asked: Asked) -> dict[str, Any]:
    books, name = _books(asked), asked.captured["name"]
    query = asked.query
    entries, more = books.page(name, query["search"], query["after"], query["limit"])
    return {
        "name": name,
        "size": books.sizes().get(name, 0),
        "entries": [{"word": word, "plain": plain} for word, plain in entries],
        "more": more,
    }


def delete_book(asked: Asked) -> None:
    _books(asked).remove(asked.captured["name"])


def put_word(asked: Asked) -> None:
    _books(asked).put(asked.captured["name"], _text(asked, "word"), _text(asked, "plain"))


def delete_word(asked: Asked) -> None:
    _books(asked).drop(asked.captured["name"], asked.query["word"])


def import_book(asked: Asked) -> dict[str, Any]:
    query = asked.query
    return _books(asked).load(asked.captured["name"], asked.raw, query["as"], query["how"])


def export_book(asked: Asked) -> Download:
    name, form = asked.captured["name"], asked.query["as"]
    return Download(_books(asked).dump(name, form), f"{name}.{form}", TYPES[form])


def post_decode(asked: Asked) -> dict[str, Any]:
    return _translated(asked, encode=False)


def post_encode(asked: Asked) -> dict[str, Any]:
    return _translated(asked, encode=True)


def _translated(asked: Asked, *, encode: bool) -> dict[str, Any]:
    words, book = asked.content.get("words"), asked.content.get("book", "")
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ServiceError("words is a list of texts", code=400)
    if not isinstance(book, str):
        raise ServiceError("book is text", code=400)
    return {"words": list(_books(asked).translate(words, book, encode=encode))}


OPERATIONS = (
    Operation("GET", "books", get_books, "The codebooks", answer="Books", refusals=(404, 503)),
    Operation("POST", "books", post_book, "Make an empty codebook", body="Name", answer="Book", status=201),
    Operation(
        "GET",
        "books/{name}",
        get_book,
        "Entries of a codebook, in the order of their words",
        (
            Parameter("search", doc="Only entries that hold this, in any case"),
            Parameter("after", doc="Only words behind this one"),
            Parameter("limit", "integer", 200, "So many at most", most=PAGE),
        ),
        answer="Entries",
        refusals=(404, 503),
    ),
    Operation("DELETE", "books/{name}", delete_book, "Remove a codebook", status=204, refusals=(404, 503)),
    Operation(
        "PUT", "books/{name}/words", put_word, "Add or change a word", body="Entry", status=204, refusals=(404, 503)
    ),
    Operation(
        "DELETE",
        "books/{name}/words",
        delete_word,
        "Remove a word",
        (Parameter("word", doc="The enciphered word"),),
        status=204,
        refusals=(404, 503),
    ),
    Operation(
        "POST",
        "books/{name}/import",
        import_book,
        "Take over a file, whole or not at all; makes the book where there is none",
        (
            Parameter("as", doc="What the file is; else told by its beginning", choices=("", *FORMATS)),
            Parameter(
                "how",
                default="add",
                doc="add refuses what the book says otherwise, overwrite takes it, replace takes the file alone",
                choices=("add", "overwrite", "replace"),
            ),
        ),
        body="File",
        answer="Imported",
        raw=True,
        refusals=(409, 413, 503),
    ),
    Operation(
        "GET",
        "books/{name}/export",
        export_book,
        "A codebook as a file",
        (Parameter("as", default="csv", doc="What the file shall be", choices=FORMATS),),
        download=True,
        refusals=(404, 503),
    ),
    Operation("POST", "decode", post_decode, "Decipher words", body="Words", answer="Translated", refusals=(404, 503)),
    Operation("POST", "encode", post_encode, "Encipher words", body="Words", answer="Translated", refusals=(404, 503)),
)
