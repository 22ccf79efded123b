"""Content that is too much for memory, in a temporary file until the application has read it."""

from __future__ import annotations

import contextlib
import tempfile


class Spool:
    """Takes the pieces of one request's content. `file` is read by the application, from its beginning.

    The file has no name and is gone with its descriptor, whoever forgets it.
    """

    __slots__ = ("file", "size")

    def __init__(self) -> None:
        """Raises: OSError where there is no room for it."""
        self.file = tempfile.TemporaryFile(prefix="sockwright-")  # noqa: SIM115 - it is held beyond this block
        self.size = 0

    def write(self, piece: bytes) -> None:
        """Raises: OSError where the disk is full."""
        self.size += self.file.write(piece)

    def rewind(self) -> None:
        """All of it is there: let it be read."""
        self.file.seek(0)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.file.close()

    def __del__(self) -> None:
        # A client that goes in the middle of its content leaves nobody to close it.
        if hasattr(self, "file"):
            self.close()
