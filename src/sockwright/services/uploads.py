"""Taking files: PUT (`curl -T`) and forms (`curl -F`, the listing's own), each file whole or not at all.

    PUT /folder/a.txt   --content-->  201, Location; 409 where the name is taken
    POST /folder/       --a form--->  201, or 303 back to the page for a browser; a free name where one is taken

Content goes to disk as it comes, in a thread of its own, so that memory stays flat and a slow disk holds up nobody.
What can be refused before the content comes is refused then: nobody sends a gigabyte to be told no.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import quote

from sockwright.binding import service_of
from sockwright.conversation import Begin
from sockwright.errors import PeerError
from sockwright.services.folder import Folder
from sockwright.services.incoming import Incoming, trouble_with
from sockwright.session import BlockingSession
from sockwright.wire.exchange import Request, Response
from sockwright.wire.http1 import REASONS
from sockwright.wire.multipart import MultipartReader, PartEnd, PartHead, boundary_of
from sockwright.wire.visible import visible

LIMIT = 100 * 1024 * 1024  # bytes of one request's content, unless somebody says otherwise
# Content gets so many seconds for nothing, and then must have come with so many bytes a second: who drips holds a
# thread.
GRACE = 10.0
RATE = 500
# So many names are told of a form's files; all are saved.
TOLD = 20

_NO_ROOM = frozenset(
    {errno.ENOSPC, errno.EFBIG, *(getattr(errno, name) for name in ("EDQUOT",) if hasattr(errno, name))}
)
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class _Over(Exception):
    """It ends here, with this answer; with none where nobody is there to hear it."""

    def __init__(self, answer: Response | None) -> None:
        super().__init__()
        self.answer = answer


class Uploads:
    """Takes files into one folder. `now` tells the time in seconds."""

    def __init__(self, folder: Folder, now: Callable[[], float], fields: Sequence[tuple[str, str]] = ()) -> None:
        self._folder = folder
        self._now = now
        self._fields = list(fields)  # of every answer
        self._putting = service_of(self.put_now)
        self._filling = service_of(self.take_form)

    # -- before the content

    def put(self, request: Request, names: list[str] | None) -> Response | Begin:
        """Answer PUT, where it can be answered without the content."""
        if request.path.endswith("/") or not names:
            return self._say(400, "PUT takes one file: its name is missing behind the last slash")
        *parents, name = names
        if why := trouble_with(name):
            return self._say(400, f"{visible(name, 100)!s} is no name for a file: {why}")
        if "content-range" in request.fields:
            return self._say(400, "a part of a file cannot be put; send the whole of it (RFC 9110, 14.5)")
        if wrong := self._uncoded(request):
            return wrong
        return self._foreseen(request, parents, name) or Begin(self._putting, {"names": names})

    def form(self, request: Request, names: list[str] | None) -> Response | Begin:
        """Answer POST, where it can be answered without the content."""
        if names is None:
            return self._say(404, "there is no such folder")
        if request.type != "multipart/form-data":
            came = request.type or "no Content-Type"
            return self._say(
                415, f"{visible(came, 60)} came; a form with files is multipart/form-data (curl -F does it)"
            )
        if wrong := self._uncoded(request):
            return wrong
        try:
            boundary = boundary_of(request.fields.get("content-type"))
        except PeerError as wrong:
            return self._say(400, str(wrong))
        return self._foreseen(request, names) or Begin(self._filling, {"names": names, "boundary": boundary})

    def _foreseen(self, request: Request, parents: list[str], name: str = "") -> Response | None:
        """Return the refusal of what could not be kept, before it comes; None where it may."""
        incoming = self._begin(parents)
        if isinstance(incoming, Response):
            return incoming
        try:
            if name and incoming.taken(name):
                return self._taken(name)
            if request.head.length > incoming.room():
                return self._full()
        except OSError as trouble:
            return self._trouble(trouble)
        finally:
            incoming.drop()
        return None

    def _uncoded(self, request: Request) -> Response | None:
        coding = request.fields.get("content-encoding", "identity").lower()
        return (
            None
            if coding == "identity"
            else self._say(415, f"content in {visible(coding, 60)} is not taken; send it plain")
        )

    def _begin(self, parents: list[str]) -> Incoming | Response:
        try:
            return Incoming(self._folder, parents)
        except (FileNotFoundError, NotADirectoryError):
            return self._say(404, f"there is no folder /{visible('/'.join(parents), 200)}")
        except OSError as trouble:
            return self._trouble(trouble)

    # -- with the content, in a thread

    def put_now(self, session: BlockingSession) -> None:
        """Take one file."""
        request: Request = session.about["request"]
        *parents, name = session.about["names"]

        def take() -> Response:
            incoming = self._begin(parents)
            if isinstance(incoming, Response):
                return incoming
            try:
                size = 0
                for piece in self._pieces(session, request):
                    incoming.write(piece)
                    size += len(piece)
                incoming.keep(name)
            except FileExistsError:
                return self._taken(name)
            finally:
                incoming.drop()
            return self._saved(request.path, f"saved {visible(name)} ({size:,} B)")

        self._answer(session, take)

    def take_form(self, session: BlockingSession) -> None:
        """Take the files of a form."""
        request: Request = session.about["request"]

        def take() -> Response:
            form = _Form(self._folder, session.about["names"])
            try:
                reader = MultipartReader(session.about["boundary"])
                for piece in self._pieces(session, request):
                    for event in reader.feed(piece):
                        form.take(event)
                reader.end_of_stream()
            except (PeerError, OSError) as wrong:
                answer = self._trouble(wrong) if isinstance(wrong, OSError) else self._say(wrong.code, str(wrong))
                return self._say(answer.status, answer.content.decode().strip() + form.told("; saved before: "))
            finally:
                form.drop()
            return self._form_saved(request, form)

        self._answer(session, take)

    def _form_saved(self, request: Request, form: _Form) -> Response:
        if not form.saved:
            return self._say(400, "no file came with the form")
        base = request.path if request.path.endswith("/") else request.path + "/"
        if "text/html" in request.fields.get("accept"):
            marks = "&".join("saved=" + quote(name, safe="") for name, _ in form.saved[:TOLD])
            return self._say(303, "", [("Location", f"{base}?{marks}")])
        place = base + quote(form.saved[0][0], safe="") if len(form.saved) == 1 else base
        return self._saved(place, form.told("saved "))

    def _pieces(self, session: BlockingSession, request: Request) -> Iterator[bytes]:
        """Yield the content as it comes. Raises: _Over where it comes too slowly, or not to its end."""
        began = self._now()
        came = 0
        while True:
            piece = session.receive(GRACE)
            if piece:
                yield piece
                came += len(piece)
            if piece == b"":
                if request.whole:
                    return
                raise _Over(None)  # the peer is gone, or was refused because too much came
            if piece is None or self._now() > began + GRACE + came / RATE:
                raise _Over(self._say(408, f"the content came too slowly: less than {RATE} bytes a second"))

    def _answer(self, session: BlockingSession, take: Callable[[], Response]) -> None:
        try:
            answer: Response | None = take()
        except _Over as over:
            answer = over.answer
        except OSError as trouble:
            answer = self._trouble(trouble)
        if answer is not None:
            reason = REASONS.get(answer.status, "").encode()
            session.send(b"HTTP/1.1 %d %b\r\n" % (answer.status, reason) + answer.whole)

    # -- answers

    def _saved(self, place: str, words: str) -> Response:
        return self._say(201, words, [("Location", place)])

    def _taken(self, name: str) -> Response:
        return self._say(409, f"{visible(name)} is there already, and nothing is overwritten here")

    def _full(self) -> Response:
        return self._say(507, "there is no room for it on the disk")

    def _trouble(self, trouble: OSError) -> Response:
        """Return the answer to what the system refused."""
        if trouble.errno in _NO_ROOM:
            return self._full()
        if trouble.errno in _FORBIDDEN:
            return self._say(403, f"nothing can be written here: {os.strerror(trouble.errno or 0)}")
        if isinstance(trouble, FileExistsError):
            return self._say(409, "it is there already, and nothing is overwritten here")
        if trouble.errno in (errno.EMFILE, errno.ENFILE):
            return self._say(503, "the system is out of room for open files", [("Retry-After", "1")])
        return self._say(500, f"it could not be saved: {trouble.strerror or type(trouble).__name__}")

    def _say(self, status: int, words: str, fields: Sequence[tuple[str, str]] = ()) -> Response:
        return Response(words + "\n" if words else "", status, fields=[*self._fields, *fields])


class _Form:
    """The files of one form. Values that are no files are passed over."""

    def __init__(self, folder: Folder, names: list[str]) -> None:
        self._folder = folder
        self._names = names
        self._name = ""
        self._size = 0
        self._incoming: Incoming | None = None
        self.saved: list[tuple[str, int]] = []  # name, bytes

    def take(self, event: PartHead | bytes | PartEnd) -> None:
        """Raises: PeerError where a name is none; OSError where a file cannot be kept."""
        match event:
            case PartHead(filename=str(given)) if given:
                # Some send where the file is on their machine; only its own name means something here.
                name = given.replace("\\", "/").rpartition("/")[2]
                if why := trouble_with(name):
                    raise PeerError(f"{visible(given, 100)} is no name for a file: {why}")
                self._name, self._size = name, 0
                self._incoming = Incoming(self._folder, self._names)
            case PartEnd():
                if self._incoming is not None:
                    self.saved.append((self._incoming.keep(self._name, other=True), self._size))
                    self._incoming = None
            case bytes() if self._incoming is not None:
                self._incoming.write(event)
                self._size += len(event)

    def drop(self) -> None:
        """Let go of what is not whole."""
        if self._incoming is not None:
            self._incoming.drop()

    def told(self, before: str) -> str:
        """Return what was saved, in words behind `before`; nothing where nothing was."""
        if not self.saved:
            return ""
        words = ", ".join(f"{name} ({size:,} B)" for name, size in self.saved[:TOLD])
        more = len(self.saved) - TOLD
        return before + words + (f" and {more} more" if more > 0 else "")
