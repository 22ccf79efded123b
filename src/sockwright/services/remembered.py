"""Answers to requests that came before in the very same words, each good for as long as its file is as it was.

    same head? ---> looked at in this turn? ---> small: the answer as it was, content and all
        '-- no       '-- no: stat, the same? --> large: open, still the same? ---> the same fields, the new descriptor

A head that repeats is one object (the site that reads it remembers it), so who may see what, and in which form, was
decided when it first came. All requests of one turn of the loop had come before the first of them is answered: one
look at a file is true for all of them.
"""

from __future__ import annotations

import os

from sockwright.services.folder import OPENING
from sockwright.wire.exchange import FilePart, Request, Response
from sockwright.wire.requests import RequestHead

# Answers kept, with their content where that is small (`JOINED`): 8 MiB at most.
KEPT = 512

Stamp = tuple[int, int, int, int, int]


def stamp_of(about: os.stat_result) -> Stamp:
    """Return what changes when a file does."""
    return about.st_ino, about.st_dev, about.st_size, about.st_mtime_ns, about.st_ctime_ns


class _Known:
    """One answer, and when its file was looked at last."""

    __slots__ = ("head", "looked", "path", "response", "stamp")

    def __init__(self, head: RequestHead, path: str, stamp: Stamp, response: Response) -> None:
        self.head = head  # held, so that no other one can come to be in its place
        self.path = path
        self.stamp = stamp
        self.response = response
        self.looked = 0.0


class Remembered:
    """The answers of one folder."""

    def __init__(self) -> None:
        self._known: dict[int, _Known] = {}

    def answer(self, request: Request) -> Response | None:
        """Return the answer to `request` where it is known and still true. The hot path."""
        known = self._known.get(id(request.head))
        if known is None or known.head is not request.head:
            return None
        now = request.now
        if known.looked != now or not now:
            try:
                same = stamp_of(os.stat(known.path)) == known.stamp
            except OSError:
                same = False
            if not same:
                del self._known[id(request.head)]
                return None
            known.looked = now
        response = known.response
        return response if response.whole else self._opened(known)

    def _opened(self, known: _Known) -> Response | None:
        """Return the answer with a descriptor of its own. What was opened is the file that was found, or nothing."""
        try:
            file = os.open(known.path, OPENING)
        except OSError:
            return None
        if stamp_of(os.fstat(file)) != known.stamp:
            os.close(file)
            return None
        before = known.response
        return Response.with_file(FilePart(file, 0, before.length), before.lines, before.status)

    def keep(self, request: Request, path: str, about: os.stat_result, response: Response) -> None:
        """Remember the `response` to `request`: a file as a whole."""
        if len(self._known) >= KEPT:
            self._known.clear()
        self._known[id(request.head)] = _Known(request.head, path, stamp_of(about), response)
