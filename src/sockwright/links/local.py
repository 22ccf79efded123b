"""Links to files of this machine, checked without a server: does it exist, spelled exactly so?

A file system that does not tell `Readme.md` from `README.md` lets links pass that break on the server; names are
compared with the directory's own list. Only pages that are files themselves may link to files.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

from msgspec import Struct

INDEX_FILES = ("index.html", "index.htm", "README.md", "readme.md")
FILE_MAX = 20_000_000  # bytes that are read of a file

# What is a page in a directory that is given to be checked.
PAGE_TYPES = {
    ".html": "text/html",
    ".htm": "text/html",
    ".xhtml": "application/xhtml+xml",
    ".shtml": "text/html",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".mdx": "text/markdown",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}
_TYPES = {
    **PAGE_TYPES,
    ".txt": "text/plain",
    ".rst": "text/plain",
    ".xml": "application/xml",
    ".rss": "application/xml",
}
_TYPES |= {".atom": "application/xml", ".gz": "application/gzip"}


class Found(Struct, frozen=True):
    """What a path turned out to be."""

    path: Path | None  # the file to read for anchors and links; None where there is none
    wrong: str = ""  # why the link is broken


def path_of(url: str) -> Path | None:
    """Return the path of a file: URL, None where it names another machine or no path can be so."""
    rest = url.partition("://")[2].partition("?")[0].partition("#")[0]
    host, _, path = rest.partition("/")
    raw = unquote_to_bytes("/" + path)
    if host not in ("", "localhost") or b"\0" in raw:
        return None
    text = os.fsdecode(raw)
    if os.name == "nt":
        text = text.lstrip("/")
    return Path(text)


def url_of(path: Path) -> str:
    """Return the file: URL of an absolute path."""
    url = quote_from_bytes(os.fsencode(path.as_posix()), safe="/:@!$&'()*+,;=~|")
    return "file:///" + url.lstrip("/")


def type_of(path: Path) -> str:
    """Return the media type that a file's name tells."""
    return _TYPES.get(path.suffix.lower(), "application/octet-stream")


class Disk:
    """Looks at files; remembers the names of directories for the run."""

    def __init__(self) -> None:
        self._names: dict[str, frozenset[str]] = {}

    def look(self, url: str) -> Found:
        """Say what a file: URL leads to."""
        path = path_of(url)
        if path is None:
            return Found(None, "a file of another machine")
        try:
            found = path.stat()
        except FileNotFoundError:
            return Found(None, self._missing(path))
        except NotADirectoryError:
            return Found(None, "no such file (a part of its path is a file)")
        except (OSError, ValueError) as wrong:
            return Found(None, f"cannot be looked at: {getattr(wrong, 'strerror', None) or wrong}")
        spelled = self._spelled(path)
        if spelled:
            return Found(None, f"the file is spelled {spelled!r}")
        if stat.S_ISDIR(found.st_mode):
            for name in INDEX_FILES:
                if name in self._list(str(path)):
                    return Found(path / name)
            return Found(None)
        if url.partition("?")[0].endswith("/"):
            return Found(None, "a file, not a directory")
        return Found(path if stat.S_ISREG(found.st_mode) else None)

    def _missing(self, path: Path) -> str:
        wanted = path.name.casefold()
        for name in self._list(str(path.parent)):
            if name.casefold() == wanted:
                return f"no such file; there is {name!r}"
        return "no such file"

    def _spelled(self, path: Path) -> str:
        """Return how a part of `path` is really spelled, where that differs in case; else an empty string."""
        for part in (path, *path.parents):
            if part.name in ("", ".."):
                continue
            names = self._list(str(part.parent))
            if names and part.name not in names:
                for name in names:
                    if name.casefold() == part.name.casefold():
                        return name
        return ""

    def _list(self, directory: str) -> frozenset[str]:
        names = self._names.get(directory)
        if names is None:
            try:
                names = frozenset(os.listdir(directory))
            except OSError:
                names = frozenset()
            self._names[directory] = names
        return names


def read_file(path: Path) -> tuple[bytes, str]:
    """Return a file's content and why not all of it."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return b"", "not a regular file"
        content = file.read(FILE_MAX + 1)
    return content[:FILE_MAX], f"only the first {FILE_MAX} bytes were read" if len(content) > FILE_MAX else ""


def pages_in(directory: Path) -> list[Path]:
    """Return the documents in `directory` and below, sorted; hidden folders and files are left out."""
    pages = []
    for place, folders, names in os.walk(directory):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        pages += [
            Path(place, name)
            for name in sorted(names)
            if not name.startswith(".") and Path(name).suffix.lower() in PAGE_TYPES
        ]
    return pages
