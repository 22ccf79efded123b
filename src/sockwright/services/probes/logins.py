"""Probes that want to know who is there."""

from __future__ import annotations

import base64

from sockwright.services.probes.cookies import cookie
from sockwright.services.probes.digest import Digests, algorithm_of, said_in
from sockwright.services.probes.status import answer
from sockwright.services.probes.told import cookies_of, json, parameter
from sockwright.wire.exchange import Request, Response


def _asked_basic(request: Request) -> bool:
    scheme, _, given = request.fields.get("authorization").partition(" ")
    wanted = f"{request.captured['user']}:{request.captured['password']}".encode()
    try:
        return scheme.lower() == "basic" and base64.b64decode(given.strip(), validate=True) == wanted
    except ValueError:
        return False


def _let_in(user: str) -> Response:
    return json({"authenticated": True, "user": user})


def basic(request: Request) -> Response:
    """Ask for the user and the password of the path."""
    return _let_in(request.captured["user"]) if _asked_basic(request) else answer(401, "")


def hidden_basic(request: Request) -> Response:
    """The same, with 404 for who does not know."""
    return _let_in(request.captured["user"]) if _asked_basic(request) else json({}, 404)


def bearer(request: Request) -> Response:
    """Ask for a token, whatever it is."""
    scheme, _, token = request.fields.get("authorization").partition(" ")
    if scheme != "Bearer" or not token:
        return Response(b"", 401, fields=[("WWW-Authenticate", "Bearer")])
    return json({"authenticated": True, "token": token})


class Digest:
    """Asks for the user and the password of the path in a way that does not show the password (RFC 7616).

    What httpbin remembers of a client it has the client remember, in cookies: after how many answers a nonce is
    `stale`, and which was the last one.
    """

    def __init__(self) -> None:
        self._digests = Digests()

    def ask(self, request: Request) -> Response:
        """Ask for user and password."""
        caught = request.captured
        cookies = cookies_of(request)
        stale_after = caught.get("stale_after", "never")
        remembered = [cookie(request, "stale_after", stale_after), cookie(request, "fake", "fake_value")]
        said = said_in(request.fields.get("authorization"))
        picky = parameter(request, "require-cookie").lower() in ("1", "t", "true")
        if not said or (picky and "cookie" not in request.fields):
            return self._challenge(request, remembered)
        if picky and cookies.get("fake") != "fake_value":
            told = [("Set-Cookie", remembered[1])]
            return json({"errors": ["missing cookie set on challenge"]}, 403, told)
        nonce = said.get("nonce", "")
        remembered.insert(1, cookie(request, "last_nonce", nonce))
        left = cookies.get("stale_after")
        if left == "0" or cookies.get("last_nonce") == nonce != "":
            return self._challenge(request, remembered, stale=True)
        user, password = caught["user"], caught["password"]
        if not self._digests.right(said, user, password, request.method, request.target, request.content):
            return self._challenge(request, remembered)
        fields = [("Set-Cookie", cookie(request, "fake", "fake_value"))]
        if left:
            fewer = str(int(left) - 1) if left.isascii() and left.isdecimal() else "never"
            fields.append(("Set-Cookie", cookie(request, "stale_after", fewer)))
        return json({"authenticated": True, "user": user}, fields=fields)

    def _challenge(self, request: Request, remembered: list[str], *, stale: bool = False) -> Response:
        wanted = request.captured["qop"]
        qop = wanted if wanted in ("auth", "auth-int") else "auth, auth-int"
        algorithm = algorithm_of(request.captured.get("algorithm", "MD5"))
        fields = [("WWW-Authenticate", self._digests.challenge(qop, algorithm, stale=stale))]
        return Response(b"", 401, fields=[*fields, *(("Set-Cookie", one) for one in remembered)])
