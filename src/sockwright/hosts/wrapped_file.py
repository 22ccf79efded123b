"""`wsgi.file_wrapper`: a file that an application returns, sent without a copy through Python where it can be."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import Any

from sockwright.wire.exchange import FilePart


class WrappedFile:
    """A file-like object as an iterable of pieces (PEP 3333, "Optional Platform-Specific File Handling")."""

    def __init__(self, filelike: Any, size: int = 64 * 1024) -> None:
        self.filelike = filelike
        self.size = size
        if hasattr(filelike, "close"):
            self.close = filelike.close

    def __iter__(self) -> Iterator[bytes]:
        while piece := self.filelike.read(self.size):
            yield piece


def part_of(wrapped: WrappedFile, length: int | None) -> FilePart | None:
    """Return the rest of the file behind `wrapped`, `length` bytes at most, in a descriptor of its own.

    None where it is no regular file, or holds less than `length`: its pieces must be read then.
    """
    file = wrapped.filelike
    try:
        descriptor = file.fileno()
        offset = file.tell()
        about = os.fstat(descriptor)
    except (AttributeError, OSError, ValueError):
        return None
    count = about.st_size - offset
    if not stat.S_ISREG(about.st_mode) or count <= 0 or count < (length or 0):
        return None
    return FilePart(os.dup(descriptor), offset, count if length is None else length)
