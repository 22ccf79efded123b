"""Which media type a file's name stands for: the same on every machine, whatever is installed on it."""

from __future__ import annotations

import mimetypes
import os
import re

_TYPES = {
    ".css": "text/css",
    ".csv": "text/csv",
    ".gz": "application/gzip",
    ".htm": "text/html",
    ".html": "text/html",
    ".ico": "image/x-icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".pdf": "application/pdf",
    ".svg": "image/svg+xml",
    ".toml": "text/plain",
    ".txt": "text/plain",
    ".wasm": "application/wasm",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
    ".yaml": "text/plain",
    ".yml": "text/plain",
    ".zip": "application/zip",
}
_MORE_TYPES = mimetypes.MimeTypes()  # Python's own list, without the files of this machine
_COMPRESSIBLE = re.compile(
    r"text/|application/(?:json|javascript|xml|wasm|.*\+(?:json|xml))|image/(?:svg\+xml|bmp|x-icon)"
)
UNKNOWN = "application/octet-stream"


def type_of(name: str, beginning: bytes, *, whole: bool) -> str:
    """Return the media type for a file's name; text says that it is UTF-8 where its beginning is."""
    ending = os.path.splitext(name)[1].lower()
    kind = _TYPES.get(ending) or _MORE_TYPES.guess_type("x" + ending)[0] or UNKNOWN
    if kind.startswith("text/"):
        try:
            beginning.decode()
        except UnicodeDecodeError as wrong:
            if whole or wrong.end < len(beginning) - 3:
                return kind
        kind += "; charset=utf-8"
    return kind


def compressible(kind: str) -> bool:
    """Tell whether content of this type becomes shorter when it is compressed."""
    return _COMPRESSIBLE.match(kind) is not None
