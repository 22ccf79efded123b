"""Files of a folder over HTTP: pages, types, conditional requests, ranges, listings.

    GET /a/b.txt ---> answered before, and the file unchanged? ---> answer
                 '--> folder.open ---> folder ---> slash missing: 301; index.html; listing
                                  '--> file   ---> 304, 412, 416, 206, 200

A changed file is seen at once: what is remembered is checked against the file before it is sent, and content is kept
only once its last change is so long ago that the next one must show in its time. What may take long (a listing,
compressing) is done by a worker.
"""

from __future__ import annotations

import base64
import errno
import hmac
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sockwright.binding import Arguments, Service, service_of
from sockwright.conversation import Begin, Invoke
from sockwright.errors import ConfigError
from sockwright.services import Context, listing, squeezed
from sockwright.services.folder import Folder, names_of
from sockwright.services.media_types import UNKNOWN, compressible, type_of
from sockwright.services.remembered import Remembered
from sockwright.services.squeezed import Squeezed
from sockwright.services.uploads import LIMIT, Uploads
from sockwright.wire.conditions import accepts, http_date, precondition, ranges
from sockwright.wire.exchange import HTML, JOINED, FilePart, Request, Response
from sockwright.wire.fields import NO_FIELDS
from sockwright.wire.origin import foreign

INDEX = "index.html"
# Clocks of file systems tick in steps; two changes within one cannot be told apart (seconds). FAT has the longest.
STEP = 2.0
# Fields that make an answer another one than the usual.
_SPECIAL = frozenset({b"range", b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since"})
# Fields of which a browser sends one at least.
_BROWSERS = frozenset({b"origin", b"referer", b"sec-fetch-site", b"user-agent"})
_BOUNDARY = "sockwright-part-of-a-file"


@dataclass(frozen=True, slots=True)
class Options:
    """How a folder is served, as the flags of `serve` say."""

    all: bool = False  # what begins with a dot as well
    spa: bool = False  # a page's own paths lead to /index.html
    cors: bool = False  # pages of other origins may read
    auth: str = ""  # user:password
    upload: bool = False  # files are taken as well
    upload_limit: int = LIMIT  # bytes of one request
    names: Sequence[str] = ()  # under which a browser may know us besides addresses and localhost


class Files:
    """One folder's handler."""

    def __init__(self, path: str, options: Options, now: Callable[[], float]) -> None:
        self._folder = Folder(path, hidden=options.all)
        self._options = options
        self._now = now
        self._remembered = Remembered()
        self._squeezed = Squeezed()
        self._listing = service_of(self.list_folder)  # may take long, so a worker does it
        self._compressing = service_of(self.compress)
        self._fields: list[tuple[str, str]] = [("X-Content-Type-Options", "nosniff")]
        if options.cors:
            self._fields.append(("Access-Control-Allow-Origin", "*"))
        self._uploads = Uploads(self._folder, now, self._fields)
        self._secret = base64.b64encode(options.auth.encode()) if options.auth else b""
        self.shared = options.cors
        self.uploads = options.upload_limit if options.upload else 0  # bytes of one request
        self._names = frozenset(name.lower() for name in options.names)

    def handle(self, request: Request) -> Response | Invoke:
        """Answer GET and HEAD."""
        known = self._remembered.answer(request)
        if known is not None:
            return known
        if self._secret or not _BROWSERS.isdisjoint(request.fields.index):
            refusal = self._kept_out(request)
            if refusal is not None:
                return refusal
        names = names_of(request.path, hidden=self._options.all)
        if names is None:
            return self._nothing(request)
        try:
            file = self._folder.open(names)
        except PermissionError:
            return self._say(403, f"this file may not be read: {request.path[:200]}\n")
        except IsADirectoryError:  # where the system opens no folders
            return self._opened_folder(request, names)
        except OSError as wrong:
            if wrong.errno in (errno.EMFILE, errno.ENFILE):
                return self._say(503, "the system is out of room for open files\n", {"Retry-After": 1})
            return self._app(request)
        about = os.fstat(file)
        if stat.S_ISDIR(about.st_mode):
            os.close(file)
            return self._opened_folder(request, names)
        if request.path.endswith("/"):
            os.close(file)
            return self._nothing(request)
        return self._file(request, names, file, about)

    def _opened_folder(self, request: Request, names: list[str]) -> Response | Invoke:
        """Answer for a folder: by its page, where it has one, else by its listing."""
        if not request.path.endswith("/"):
            query = f"?{request.query}" if request.query else ""
            # The path begins with one slash and no more, else it would name a host (RFC 3986, 4.2).
            return self._say(301, "", {"Location": request.path + "/" + query})
        names = [*names, INDEX]
        try:
            file = self._folder.open(names)
        except OSError:
            return Invoke(self._listing, (Arguments((request,)),))
        about = os.fstat(file)
        if stat.S_ISDIR(about.st_mode):
            os.close(file)
            return Invoke(self._listing, (Arguments((request,)),))
        return self._file(request, names, file, about)

    def _file(
        self, request: Request, names: list[str], file: int, about: os.stat_result, *, stands_in: bool = False
    ) -> Response | Invoke:
        """Answer with a file; `stands_in` where it is not the one that was asked for, which may come to be."""
        size = about.st_size
        beginning = os.read(file, JOINED + 1) if size <= JOINED else os.read(file, 1024)
        if size <= JOINED:
            size = len(beginning)  # as it is now
            if size > JOINED:
                os.close(file)
                return self._say(503, "the file is changing; ask again\n", {"Retry-After": 1})
        kind = type_of(names[-1], beginning, whole=size == len(beginning))
        tag = f'"{about.st_mtime_ns:x}-{size:x}"'
        modified = int(about.st_mtime)
        fields = [*self._fields, ("ETag", tag), ("Last-Modified", http_date(modified)), ("Accept-Ranges", "bytes")]
        codings = compressible(kind)
        if codings:
            fields.append(("Vary", "Accept-Encoding"))
        if kind == UNKNOWN:
            fields.append(("Content-Disposition", "attachment"))
        if codings and "accept-encoding" in request.fields and "range" not in request.fields:
            coded = self._coded(request, names, about, kind, fields)
            if coded is not None:
                os.close(file)
                return coded
        wrong = precondition(request.fields, tag, modified)
        if wrong:
            os.close(file)
            return Response(b"", wrong, fields=fields)
        if "range" in request.fields and request.method == "GET":
            parts = ranges(request.fields, size, tag, modified)
            if parts is not None:
                return self._parts(parts, size, kind, fields, file)
        if size > JOINED:
            response = Response(FilePart(file, 0, size), type=kind, fields=fields)
        else:
            os.close(file)
            response = Response(beginning, type=kind, fields=fields)
        usual = request.method == "GET" and _SPECIAL.isdisjoint(request.fields.index)
        settled = size > JOINED or not max(about.st_mtime, about.st_ctime) + STEP > self._now()
        if usual and settled and not stands_in and not (codings and "accept-encoding" in request.fields):
            self._remembered.keep(request, os.path.join(self._folder.path, *names), about, response)
        return response

    def _parts(
        self, parts: Sequence[tuple[int, int]], size: int, kind: str, fields: list[tuple[str, str]], file: int
    ) -> Response:
        """Answer with parts of a file (RFC 9110, 14 and 15.3.7)."""
        if not parts:
            os.close(file)
            words = f"there is no such part; the file has {size} bytes\n"
            return self._say(416, words, {"Content-Range": f"bytes */{size}"})
        if len(parts) == 1:
            offset, count = parts[0]
            fields = [*fields, ("Content-Range", f"bytes {offset}-{offset + count - 1}/{size}")]
            return Response(FilePart(file, offset, count), 206, kind, fields)
        content: list[bytes | FilePart] = []
        for number, (offset, count) in enumerate(parts):
            place = f"bytes {offset}-{offset + count - 1}/{size}"
            head = f"--{_BOUNDARY}\r\nContent-Type: {kind}\r\nContent-Range: {place}\r\n\r\n"
            content.append((b"\r\n" if number else b"") + head.encode())
            content.append(FilePart(os.dup(file) if number else file, offset, count))
        content.append(f"\r\n--{_BOUNDARY}--\r\n".encode())
        return Response(content, 206, f"multipart/byteranges; boundary={_BOUNDARY}", fields)

    def _coded(
        self, request: Request, names: list[str], about: os.stat_result, kind: str, fields: list[tuple[str, str]]
    ) -> Response | Invoke | None:
        """Answer with the content compressed, where the client takes that and it pays."""
        plain = [field for field in fields if field[0] not in ("ETag", "Accept-Ranges")]
        found = squeezed.beside(self._folder, request, names, about, kind, plain)
        if found is not None:
            return found
        if not squeezed.LEAST <= about.st_size <= squeezed.MOST or not accepts(request.fields, "gzip"):
            return None
        tag = squeezed.tag_of(about)
        wrong = precondition(request.fields, tag, int(about.st_mtime))
        told = [*plain, ("ETag", tag)]
        if wrong:
            return Response(b"", wrong, fields=told)
        content = self._squeezed.get(about)
        if content is None or max(about.st_mtime, about.st_ctime) + STEP > self._now():
            return Invoke(self._compressing, (Arguments((request,)),))
        return Response(content, type=kind, fields=[*told, ("Content-Encoding", "gzip")])

    def compress(self, request: Request) -> Response:
        """Answer with the content compressed now. For a worker."""
        names = names_of(request.path, hidden=self._options.all) or []
        try:
            file = self._folder.open([*names, INDEX] if request.path.endswith("/") else names)
        except OSError:
            return self._nothing(request)
        with os.fdopen(file, "rb") as opened:
            about = os.fstat(file)
            if not stat.S_ISREG(about.st_mode):
                return self._nothing(request)
            plain = opened.read(squeezed.MOST + 1)
        content = self._squeezed.make(about, plain)
        name = names[-1] if names and not request.path.endswith("/") else INDEX
        fields = [
            *self._fields,
            ("Last-Modified", http_date(about.st_mtime)),
            ("Vary", "Accept-Encoding"),
            ("ETag", squeezed.tag_of(about)),
            ("Content-Encoding", "gzip"),
        ]
        return Response(content, type=type_of(name, plain[:JOINED], whole=len(plain) <= JOINED), fields=fields)

    def list_folder(self, request: Request) -> Response:
        """Answer with the page of a folder. For a worker."""
        names = names_of(request.path, hidden=self._options.all) or []
        try:
            entries, whole = self._folder.entries(names)
        except PermissionError as wrong:
            return self._say(403, f"this folder may not be read: {wrong.strerror}\n")
        except OSError:
            return self._nothing(request)
        down = request.parameter("order") == "down"
        asked = listing.Asked(
            request.parameter("sort"),
            down,
            frozenset(value for name, value in request.parameters if name == "saved"),
        )
        text = listing.page(names, entries, asked, whole=whole, upload=self.uploads)
        safe = ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'")
        return Response(text, type=HTML, fields=[*self._fields, safe, ("Cache-Control", "no-cache")])

    def put(self, request: Request) -> Response | Begin:
        """Take one file."""
        refusal = self._kept_out(request, writes=True)
        return refusal or self._uploads.put(request, names_of(request.path, hidden=self._options.all))

    def post(self, request: Request) -> Response | Begin:
        """Take the files of a form."""
        refusal = self._kept_out(request, writes=True)
        return refusal or self._uploads.form(request, names_of(request.path, hidden=self._options.all))

    def _kept_out(self, request: Request, *, writes: bool = False) -> Response | None:
        """Return the refusal for who may not read here, or write."""
        # Any page can ask for what is here, under a name of its own that leads to us (DNS rebinding); only under a
        # name of ours does the browser keep what it gets from that page.
        fields = request.fields
        others = _BROWSERS.intersection(fields.index) - {b"user-agent"}
        if writes:
            why = foreign(request.host, fields, self._names)
            if why:
                return self._say(403, why + "\n")
        elif not self.shared and (others or fields.get("user-agent").startswith("Mozilla/")):
            why = foreign(request.host, NO_FIELDS, self._names)
            if why:
                return self._say(403, why + "\n")
        if self._secret:
            scheme, _, given = fields.get("authorization").partition(" ")
            if scheme.lower() != "basic" or not hmac.compare_digest(given.strip().encode(), self._secret):
                challenge = {"WWW-Authenticate": 'Basic realm="files", charset="UTF-8"'}
                return self._say(401, "a user and a password are wanted\n", challenge)
        return None

    def _app(self, request: Request) -> Response | Invoke:
        """Answer for a path where no file is: with the page of an application that has paths of its own, else 404."""
        last = request.path.rpartition("/")[2]
        wants_page = "text/html" in request.fields.get("accept") or "accept" not in request.fields
        if self._options.spa and "." not in last and wants_page:
            try:
                file = self._folder.open([INDEX])
            except OSError:
                return self._nothing(request)
            about = os.fstat(file)
            if stat.S_ISREG(about.st_mode):
                return self._file(request, [INDEX], file, about, stands_in=True)
            os.close(file)
        return self._nothing(request)

    def preflight(self, request: Request) -> Response:
        """Answer a browser that asks whether a page of another origin may read."""
        allowed: dict[str, str | int] = {
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Methods": "GET, HEAD",
            "Access-Control-Allow-Headers": "*",
            "Access-Control-Max-Age": 600,
        }
        return Response(b"", 204, fields=allowed)

    def _nothing(self, request: Request) -> Response:
        return self._say(404, f"there is nothing at {request.path[:200]}\n")

    def _say(self, status: int, words: str, fields: Mapping[str, str | int] | None = None) -> Response:
        return Response(words, status, fields=[*self._fields, *(fields or {}).items()])


def offer(context: Context) -> Sequence[Service]:
    """Return the handler of the folder that `--do files:DIR` names. Raises: ConfigError where there is none."""
    place = str(context.settings.get("argument", ""))
    given: dict[str, Any] = {key: value for key, value in context.settings.items() if key != "argument"}
    if not place:
        raise ConfigError("files: which folder?", cure="write --do files:DIR, files:. for the working directory")
    if not Path(place).is_dir():
        what = "a file" if Path(place).exists() else "not there"
        raise ConfigError(f"files: {place} is {what}", cure="a folder is wanted")
    files = Files(place, Options(**given), context.now)
    offered = [replace(service_of(files.handle, "files"), name="files", blocking=False, route="GET /{path...}")]
    if files.uploads:
        for method, function in (("PUT", files.put), ("POST", files.post)):
            made = replace(service_of(function, "files"), blocking=False, early=True, takes=files.uploads)
            offered.append(replace(made, route=f"{method} /{{path...}}"))
    if files.shared:
        offered.append(replace(service_of(files.preflight, "files"), blocking=False, route="OPTIONS /{path...}"))
    return offered
