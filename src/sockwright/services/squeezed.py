"""Files in another coding than their own: what lies compressed beside them, else gzip on the fly, kept for the next."""

from __future__ import annotations

import gzip
import os
import stat
from collections.abc import Sequence

from sockwright.services.folder import Folder
from sockwright.services.remembered import stamp_of
from sockwright.wire.conditions import accepts, precondition
from sockwright.wire.exchange import FilePart, Request, Response

# Compressed while somebody waits, and kept: text of these sizes (bytes), up to so many bytes in all.
LEAST = 512
MOST = 8 * 1024 * 1024
KEPT = 32 * 1024 * 1024
_LEVEL = 6
_BESIDE = (("br", ".br"), ("gzip", ".gz"))

FieldList = Sequence[tuple[str, str]]


def beside(
    folder: Folder, request: Request, names: Sequence[str], about: os.stat_result, kind: str, fields: FieldList
) -> Response | None:
    """Answer with the file that lies compressed beside the one at `names`, where one does and is not older."""
    for coding, ending in _BESIDE:
        if not accepts(request.fields, coding):
            continue
        try:
            file = folder.open([*names[:-1], names[-1] + ending])
        except OSError:
            continue
        made = os.fstat(file)
        if not stat.S_ISREG(made.st_mode) or made.st_mtime < int(about.st_mtime):
            os.close(file)
            continue
        tag = f'"{made.st_mtime_ns:x}-{made.st_size:x}-{coding}"'
        told = [*fields, ("ETag", tag), ("Content-Encoding", coding)]
        wrong = precondition(request.fields, tag, int(about.st_mtime))
        if wrong or not made.st_size:
            os.close(file)
            return Response(b"", wrong or 200, fields=told)
        return Response(FilePart(file, 0, made.st_size), type=kind, fields=told)
    return None


def tag_of(about: os.stat_result) -> str:
    """Return the entity-tag of a file that is compressed on the fly."""
    return f'"{about.st_mtime_ns:x}-{about.st_size:x}-gz"'


class Squeezed:
    """What was compressed on the fly, by the file it was made of."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, ...], bytes] = {}
        self._size = 0

    def get(self, about: os.stat_result) -> bytes | None:
        """Return what the file was compressed to, None where that is not known."""
        return self._kept.get(stamp_of(about))

    def make(self, about: os.stat_result, plain: bytes) -> bytes:
        """Compress `plain`, the content of the file, and keep it. For a worker."""
        content = gzip.compress(plain, _LEVEL, mtime=0)
        if self._size + len(content) > KEPT:
            self._kept = {}
            self._size = 0
        stamp = stamp_of(about)
        if stamp not in self._kept and len(content) <= KEPT:
            self._size += len(content)
            self._kept[stamp] = content
        return content
