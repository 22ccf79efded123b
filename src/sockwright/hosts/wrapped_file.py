"""`wsgi.file_wrapper`: a file that an application returns, sent without a copy through Python where it can be."""

from __future__ import annotations

import os
import stat
from typing import Any

from sockwright.wire.exchange import FilePart


class WrappedFile:
    """A file-like object as an iterator over pieces (PEP 3333, "Optional Platform-Specific File Handling").

    Frameworks wrap it once more for a range, and then seek in it.
    """

    def __init__(self, filelike: Any, size: int = 64 * 1024) -> None:
        self.filelike = filelike
        self.size = size

    def __iter__(self) -> WrappedFile:
        return self

    def __next__(self) -> bytes:
        piece: bytes = self.filelike.read(self.size)
        if not piece:
            raise StopIteration
        return piece

    def seekable(self) -> bool:
        tell = getattr(self.filelike, "seekable", None)
        return tell is not None and bool(tell())

    def seek(self, *args: int) -> int:
        return int(self.filelike.seek(*args))

    def tell(self) -> int:
        return int(self.filelike.tell())

    def close(self) -> None:
        close = getattr(self.filelike, "close", None)
        if close is not None:
            close()


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
