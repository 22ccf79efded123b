"""A recording, as `tap --record` writes it: what `replay` and `serve --do FILE` play. Its grammar is in `recording`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO

from sockwright.journal.recording import written
from sockwright.journal.transcript import Transcript


def write(transcripts: Iterable[Transcript], out: BinaryIO) -> int:
    count = 0

    def counted() -> Iterator[Transcript]:
        nonlocal count
        for transcript in transcripts:
            count += 1
            yield transcript

    for piece in written(counted()):
        out.write(piece)
    return count
