"""AUTH, as a mail server answers it (RFC 4954): PLAIN (RFC 4616) and LOGIN, whose steps were never made a standard."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable

from sockwright.errors import ConfigError
from sockwright.protocols.smtp_site import Site

GIVEN_UP = b"501 5.7.0 given up, as you wish\r\n"
NO_BASE64 = b"501 5.5.2 that is no base64 of a login\r\n"
WELCOME = b"235 2.7.0 welcome\r\n"
WRONG = b"535 5.7.8 user and password do not match\r\n"


class Login:
    """Who a peer says it is. `user` is "" until that is believed; `expects` takes the next line while AUTH goes on."""

    __slots__ = ("_site", "expects", "user")

    def __init__(self, site: Site) -> None:
        self._site = site
        self.user = ""
        self.expects: Callable[[bytes], bytes] | None = None

    def begin(self, text: str) -> bytes:
        """Answer AUTH with `text` behind it."""
        mechanism, _, first = text.partition(" ")
        match mechanism.upper():
            case "PLAIN":
                if first:
                    return self._plain(first.encode())
                self.expects = self._plain
                return b"334 \r\n"
            case "LOGIN":
                if first:
                    return self._name(first.encode())
                self.expects = self._name
                return b"334 VXNlcm5hbWU6\r\n"  # "Username:"
            case "":
                return b"501 5.5.4 AUTH PLAIN or AUTH LOGIN\r\n"
        return b"504 5.5.4 offered are PLAIN and LOGIN\r\n"

    def go_on(self, line: bytes) -> bytes:
        """Answer the line that AUTH waits for."""
        step, self.expects = self.expects, None
        assert step is not None
        return step(line)

    def _plain(self, line: bytes) -> bytes:
        said = _decoded(line)
        parts = said.split("\0") if said is not None else []
        if len(parts) != 3:
            return _no_login(line)
        return self._check(parts[1] or parts[0], parts[2])

    def _name(self, line: bytes) -> bytes:
        user = _decoded(line)
        if user is None:
            return _no_login(line)

        def password(second: bytes) -> bytes:
            said = _decoded(second)
            return _no_login(second) if said is None else self._check(user, said)

        self.expects = password
        return b"334 UGFzc3dvcmQ6\r\n"  # "Password:"

    def _check(self, user: str, password: str) -> bytes:
        users = self._site.users
        if users:
            wanted = users.get(user)
            # The same time for every wrong password: an answer's time must not tell how much of it was right.
            if wanted is None or not hmac.compare_digest(wanted.encode(), password.encode("utf-8", "replace")):
                return WRONG
        self.user = user or "-"
        return WELCOME


def users_in(text: str) -> dict[str, str]:
    """Return who may log in: a line each, `name:password`; empty lines and those that begin with # say nothing.

    Raises: ConfigError, naming the line (never what stands in it).
    """
    users: dict[str, str] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, password = line.partition(":")
        if not (name.strip() and colon and password):
            raise ConfigError(f"line {number} is no name:password", cure="write a line for each, like ann:secret")
        if name.strip() in users:
            raise ConfigError(f"line {number}: {name.strip()!r} is there already", cure="give each name one password")
        users[name.strip()] = password
    if not users:
        raise ConfigError(
            "nobody is named there, so nobody could log in", cure="write a line for each, like ann:secret"
        )
    return users


def _decoded(line: bytes) -> str | None:
    """Return what a line of base64 says; None where it is none."""
    try:
        return base64.b64decode(b"" if line == b"=" else line, validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def _no_login(line: bytes) -> bytes:
    return GIVEN_UP if line == b"*" else NO_BASE64
