"""Files that arrive: under their name once they are whole and on the disk, and not at all before.

    begin ---> write ... ---> keep(name) ---> there, or taken: FileExistsError
                     '--> drop -----------> nothing is left

Where the system can, the file has no name at all until then, so that even `kill -9` leaves nothing (Linux, O_TMPFILE);
elsewhere a hidden one in the same folder. A name is given by linking, which never takes the place of another file.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import os
import re
import secrets

from sockwright.services.folder import BY_HAND, DEVICES, Folder
from sockwright.wire.visible import visible

# How many names are tried for a file whose own is taken: `a (2).txt`, `a (3).txt` ...
TRIES = 100
LONGEST = 255  # bytes of a name in UTF-8: what file systems take
_HIDDEN = ".sockwright-arriving-"
_BY_NUMBER = "/proc/self/fd"
_UNNAMED = getattr(os, "O_TMPFILE", 0)
_WRITING = os.O_WRONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
# What no file of Windows may be called with; elsewhere they are taken as they come, so that a name is good everywhere.
_NOT_EVERYWHERE = re.compile(r'[<>:"/\\|?*]')

_arriving: set[Incoming] = set()  # those with a hidden name, to be removed where we are ended in the middle


def trouble_with(name: str) -> str:
    """Return why a file may not be called `name`, in words; nothing where it may."""
    if not name or name.startswith("."):
        return "it is hidden, or no name at all"
    if visible(name) != name or not name.isprintable():
        return "it holds signs that cannot be seen, or bytes that are no UTF-8"
    if found := _NOT_EVERYWHERE.search(name):
        return f"it holds {found[0]}"
    if name != name.strip() or name.endswith("."):
        return "it begins or ends with a blank, or ends with a dot"
    if name.partition(".")[0].strip().lower() in DEVICES:
        return "a device of Windows is called so"
    size = len(name.encode())
    return f"it has {size} bytes; {LONGEST} fit" if size > LONGEST else ""


class Incoming:
    """One file on its way into the folder at `names`.

    Raises: FileNotFoundError, NotADirectoryError where that is none; OSError where nothing can be written there.
    """

    def __init__(self, folder: Folder, names: list[str]) -> None:
        self._at: int | None = None
        self._path = ""
        self._hidden = ""
        if BY_HAND:
            self._at = folder.open(names)  # and nobody can move it away from under us
        else:
            self._path = folder.find(names)
            if not os.path.isdir(self._path):
                raise NotADirectoryError(errno.ENOTDIR, "no folder")
        try:
            self._file = self._begin()
        except BaseException:
            self._leave()
            raise

    def _begin(self) -> int:
        if _UNNAMED and self._at is not None and os.path.isdir(_BY_NUMBER):
            try:
                return os.open(".", _WRITING | _UNNAMED, 0o666, dir_fd=self._at)
            except OSError as wrong:
                if wrong.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT):
                    raise
        self._hidden = _HIDDEN + secrets.token_hex(8)
        file = os.open(self._place(self._hidden), _WRITING | os.O_CREAT | os.O_EXCL, 0o666, dir_fd=self._at)
        if not _arriving:
            atexit.register(_drop_all)
        _arriving.add(self)
        return file

    def _place(self, name: str) -> str:
        return name if self._at is not None else os.path.join(self._path, name)

    def room(self) -> int:
        """Return how many bytes the disk has room for, as far as that can be told."""
        if not hasattr(os, "fstatvfs"):
            return 1 << 62
        about = os.fstatvfs(self._file)
        return about.f_bavail * about.f_frsize

    def write(self, data: bytes) -> None:
        """Raises: OSError where there is no room."""
        left = memoryview(data)
        while left:
            left = left[os.write(self._file, left) :]

    def taken(self, name: str) -> bool:
        """Tell whether something is called `name` already."""
        try:
            os.stat(self._place(name), dir_fd=self._at, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def keep(self, name: str, *, other: bool = False) -> str:
        """Let the file be called `name`, or with `other` a free name like it; return its name.

        Raises: FileExistsError; OSError where it cannot be kept. Nothing is left then.
        """
        try:
            os.fsync(self._file)
            for number in range(1, TRIES + 1):
                wanted = name if number == 1 else _numbered(name, number)
                try:
                    self._give(wanted)
                except FileExistsError:
                    if not other:
                        raise
                else:
                    if self._at is not None:
                        with contextlib.suppress(OSError):
                            os.fsync(self._at)
                    return wanted
            raise FileExistsError(errno.EEXIST, "all names like it are taken")
        finally:
            self.drop()

    def _give(self, name: str) -> None:
        place = self._place(name)
        if not self._hidden:
            # linkat(2): the one way to name what has none.
            os.link(f"{_BY_NUMBER}/{self._file}", place, dst_dir_fd=self._at, follow_symlinks=True)
            return
        hidden = self._place(self._hidden)
        if os.name == "nt":
            if self._file >= 0:
                os.close(self._file)
                self._file = -1
            os.rename(hidden, place)  # never takes another's place, on Windows
            return
        try:
            os.link(hidden, place, src_dir_fd=self._at, dst_dir_fd=self._at)
        except FileExistsError:
            raise
        except OSError:  # a file system without links (FAT): the name is taken first, and then the file put there
            os.close(os.open(place, _WRITING | os.O_CREAT | os.O_EXCL, dir_fd=self._at))
            os.rename(hidden, place, src_dir_fd=self._at, dst_dir_fd=self._at)

    def drop(self) -> None:
        """Let go of it; what has no name by now is gone."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        if self._hidden:
            with contextlib.suppress(OSError):
                os.unlink(self._place(self._hidden), dir_fd=self._at)
            self._hidden = ""
            _arriving.discard(self)
        self._leave()

    def _leave(self) -> None:
        if self._at is not None:
            os.close(self._at)
            self._at = None
            self._path = os.devnull  # whoever comes back here finds nothing


def _drop_all() -> None:
    for one in list(_arriving):
        one.drop()


def _numbered(name: str, number: int) -> str:
    """Return `a (2).txt` for `a.txt`, short enough."""
    stem, ending = os.path.splitext(name)
    more = f" ({number}){ending}"
    while len((stem + more).encode()) > LONGEST and stem:
        stem = stem[:-1]
    return stem + more
