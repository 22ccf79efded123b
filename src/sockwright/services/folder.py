"""Opening what lies in a folder, and never what lies outside it, whatever the name says and whatever links there are.

A path is walked name by name, each opened relative to the folder before it and without following links; a link is
read and walked in the same way. So nothing can be exchanged between a look and an opening.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

# What a path may not be opened with: waiting (a FIFO has no end), inheriting, becoming our terminal.
OPENING = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_DIRECTORY = getattr(os, "O_DIRECTORY", 0)
# Entries told of one folder: above it a page helps nobody, and making it takes seconds.
LISTED = 10_000
_LINKS = 40  # links followed for one path, as the system itself does
BY_HAND = os.open in os.supports_dir_fd and os.readlink in os.supports_dir_fd and bool(_NOFOLLOW)
# Windows' own ideas of a path, and of devices that are files in every folder.
DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))})


def names_of(path: str, *, hidden: bool = False) -> list[str] | None:
    """Return the names in a request's `path` (still percent-encoded); None where it names nothing that is served.

    A slash at its end leaves no name. `hidden` lets names through that begin with a dot.
    """
    raw = path[1:].split("/")
    if raw[-1] == "":
        raw.pop()
    names: list[str] = []
    for one in raw:
        data = (
            unquote_to_bytes(one.encode("utf-8", "surrogateescape"))
            if "%" in one
            else one.encode("utf-8", "surrogateescape")
        )
        name = os.fsdecode(data)
        if not good_name(name, hidden=hidden):
            return None
        names.append(name)
    return names


def good_name(name: str, *, hidden: bool = False) -> bool:
    """Tell whether `name` is one of a file, on any system, and may be shown."""
    if name in ("", ".", "..") or (name.startswith(".") and not hidden) or len(name) > 255:
        return False
    if "/" in name or "\\" in name or "\0" in name:
        return False
    return os.name != "nt" or (
        ":" not in name and not name.endswith((".", " ")) and name.partition(".")[0].lower() not in DEVICES
    )


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a folder."""

    name: str
    folder: bool
    size: int  # bytes
    time: float  # since the epoch


class Folder:
    """A folder and what is below it. `path` is its real path."""

    def __init__(self, path: str, *, hidden: bool = False) -> None:
        self.path = os.path.realpath(path)
        self.hidden = hidden

    def open(self, names: Iterable[str]) -> int:
        """Return a descriptor of what `names` lead to: a regular file or a folder.

        Raises: OSError where there is nothing of that kind, or it lies outside.
        """
        file = self._walk(deque(names)) if BY_HAND else self._open_checked(list(names))
        kind = stat.S_IFMT(os.fstat(file).st_mode)
        if kind not in (stat.S_IFREG, stat.S_IFDIR):
            os.close(file)
            raise FileNotFoundError("neither a file nor a folder")
        return file

    def entries(self, names: list[str]) -> tuple[list[Entry], bool]:
        """Return what is in the folder at `names`, up to LISTED entries, and whether that is all.

        Links are told as what they lead to; what cannot be asked for (a dead link, a FIFO) is left out.

        Raises: OSError.
        """
        if not BY_HAND or os.scandir not in os.supports_fd:
            return _entries(self.find(names), hidden=self.hidden)
        file = self.open(names)
        try:
            return _entries(file, hidden=self.hidden)
        finally:
            os.close(file)

    def _walk(self, pending: deque[str]) -> int:
        held = [os.open(self.path, OPENING | _DIRECTORY)]
        links = 0
        try:
            while pending:
                name = pending.popleft()
                if name in ("", "."):
                    continue
                if name == "..":  # only a link says that
                    if len(held) == 1:
                        raise FileNotFoundError("outside of the folder")
                    os.close(held.pop())
                    continue
                if name.startswith(".") and not self.hidden:
                    raise FileNotFoundError("hidden")
                mode = os.stat(name, dir_fd=held[-1], follow_symlinks=False).st_mode
                if stat.S_ISLNK(mode):
                    links += 1
                    if links > _LINKS:
                        raise FileNotFoundError("too many links")
                    target = os.readlink(name, dir_fd=held[-1])
                    if target.startswith("/"):
                        target = self._inside(target)
                        while len(held) > 1:
                            os.close(held.pop())
                    pending.extendleft(reversed(target.split("/")))
                    continue
                if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                    raise FileNotFoundError("neither a file nor a folder")  # and opening a device may do something
                held.append(os.open(name, OPENING | _NOFOLLOW, dir_fd=held[-1]))
            return held.pop()
        finally:
            for file in held:
                os.close(file)

    def _inside(self, target: str) -> str:
        """Return the part of an absolute link below the folder."""
        base = self.path.rstrip("/") + "/"
        if target.rstrip("/") + "/" == base:
            return ""
        if not target.startswith(base):
            raise FileNotFoundError("outside of the folder")
        return target[len(base) :]

    def find(self, names: list[str]) -> str:
        """Return the real path of what `names` lead to, where the system cannot open relative to a folder.

        Raises: OSError where it lies outside, or is hidden.
        """
        real = os.path.realpath(os.path.join(self.path, *names))
        base = self.path.rstrip(os.sep) + os.sep
        if real != self.path and not real.startswith(base):
            raise FileNotFoundError("outside of the folder")
        below = real[len(base) :].split(os.sep)
        if not self.hidden and any(name.startswith(".") for name in below):
            raise FileNotFoundError("hidden")
        return real

    def _open_checked(self, names: list[str]) -> int:
        real = self.find(names)
        if os.path.isdir(real):
            raise IsADirectoryError(real)
        return os.open(real, OPENING)


def _entries(file: int | str, *, hidden: bool) -> tuple[list[Entry], bool]:
    found: list[Entry] = []
    with os.scandir(file) as inside:
        for one in inside:
            if not good_name(one.name, hidden=hidden):
                continue
            if len(found) >= LISTED:
                return found, False
            try:
                about = one.stat()
            except OSError:
                continue
            if stat.S_ISDIR(about.st_mode) or stat.S_ISREG(about.st_mode):
                found.append(Entry(one.name, stat.S_ISDIR(about.st_mode), about.st_size, about.st_mtime))
    return found, True
