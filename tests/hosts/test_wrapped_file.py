from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from sockwright.hosts.wrapped_file import WrappedFile, part_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    return path


def test_pieces_come_in_their_size_and_closing_closes() -> None:
    file = io.BytesIO(b"abcde")
    wrapped = WrappedFile(file, 2)
    assert list(wrapped) == [b"ab", b"cd", b"e"]
    assert wrapped.seekable()
    wrapped.seek(1)
    assert (wrapped.tell(), next(wrapped)) == (1, b"bc")
    wrapped.close()
    assert file.closed


@pytest.mark.parametrize(
    ("at", "length", "found"), [(0, None, (0, 10)), (4, None, (4, 6)), (4, 3, (4, 3)), (9, 1, (9, 1))]
)
def test_a_part_is_what_is_left_in_a_descriptor_of_its_own(
    path: Path, at: int, length: int | None, found: tuple[int, int]
) -> None:
    with path.open("rb") as file:
        file.seek(at)
        part = part_of(WrappedFile(file), length)
    assert part is not None
    assert (part.offset, part.count) == found
    assert os.pread(part.file, 1, part.offset) == b"0123456789"[at : at + 1]  # though the file was closed
    os.close(part.file)


def test_what_is_no_file_or_has_too_little_is_read_piece_by_piece(path: Path) -> None:
    assert part_of(WrappedFile(io.BytesIO(b"x")), None) is None
    with path.open("rb") as file:
        assert part_of(WrappedFile(file), 11) is None
        file.seek(10)
        assert part_of(WrappedFile(file), None) is None
    assert part_of(WrappedFile(file), None) is None  # closed
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        os.close(writing)
        assert part_of(WrappedFile(pipe), None) is None
