"""`call` over smtp, and `mail send`: one mail, from what a person says."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from sockwright.cli import manners
from sockwright.cli.call import stdin_is_piped
from sockwright.client.smtp import LOGIN_NOT_SHOWN, refused_words, send_letter
from sockwright.endpoint import Endpoint
from sockwright.wire.anatomy import Line
from sockwright.wire.compose import Letter
from sockwright.wire.smtp_anatomy import Step, as_dict, command_line, content_at, reply_line, told, told_line
from sockwright.wire.visible import visible

NAMES = ("from", "to", "cc", "bcc", "subject", "body", "html", "attach")


def talk(endpoint: Endpoint, words: Sequence[str], **options: Any) -> int:
    """Send the mail that `name=value` words describe, and return the exit code."""
    said: dict[str, list[str]] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name.lower() not in NAMES:
            known = f"write {', '.join(f'{name}=' for name in NAMES)}"
            raise click.UsageError(f"{word!r} says nothing about a mail.{manners.nearest(name, NAMES)} Words: {known}")
        said.setdefault(name.lower(), []).append(value)
    for name in ("from", "subject", "body", "html"):
        if len(said.get(name, ())) > 1:
            raise click.UsageError(f"{name}= is given twice.")
    return send(endpoint, said, **options)


def send(endpoint: Endpoint, said: Mapping[str, Sequence[str]], **options: Any) -> int:
    """Send the mail that `said` describes, and return the exit code."""
    if endpoint.password:
        raise click.UsageError("Everybody here can read a password in a URL (ps); --password-env names a variable.")
    letter = Letter(
        sender=_one(said, "from") or _usual_sender(),
        to=", ".join(said.get("to", ())),
        cc=", ".join(said.get("cc", ())),
        bcc=", ".join(said.get("bcc", ())),
        subject=_one(said, "subject"),
        body=_body(said),
        html=_text(_one(said, "html")),
        attachments=[_attached(value) for value in said.get("attach", ())],
    )
    user = options.get("user") or endpoint.user
    password = _password(user, options.get("password_env")) if user else ""
    verbose, as_json = bool(options.get("verbose")), bool(options.get("as_json"))
    heard = _Heard(is_shown=verbose and not as_json)
    handed = send_letter(endpoint, letter, user=user, password=password, wait=options.get("wait"), heard=heard)
    code = manners.WRONG if handed.refused else manners.OK
    expect = options.get("expect")
    if expect is not None and not expect.holds(str(handed.reply)):
        manners.complain(expect.complaint(str(handed.reply)))
        code = manners.WRONG
    if as_json:
        refused = {one: str(reply) for one, reply in handed.refused.items()}
        about = {"code": handed.reply.code, "reply": handed.reply.text, "accepted": list(handed.accepted)}
        dialogue = {"dialogue": [as_dict(step) for step in heard.steps]} if verbose else {}
        manners.emit(about | {"refused": refused, "exit": code} | dialogue)
    else:
        click.echo(visible(str(handed.reply), 1000))
        for line in refused_words(handed):
            manners.complain(visible(line, 1000))
    return code


class _Heard:
    """A dialogue as it goes on: each line is shown on stderr with what it means, and all of it kept for `--json`."""

    def __init__(self, *, is_shown: bool) -> None:
        self.steps: list[Step] = []
        self._is_shown = is_shown
        self._reply: list[Line] = []
        self._content: list[str] | None = None  # lines, once the server has said 354
        self._utf8 = False

    def __call__(self, who: str, line: str) -> None:
        raw = line.encode("utf-8", "replace") + b"\r\n"
        if who == "<":
            self._replied(raw)
        elif who == "=":
            self._say([f"= {visible(line, 200)}"])
            self.steps.append(Step("tls", "client", (Line("TLS", 0, b"", line),)))
        elif self._content is not None:
            self._content.append(line)
            if line == ".":
                whole = "\r\n".join(self._content) + "\r\n"
                self._content = None
                self._take(content_at(whole.encode("utf-8", "replace"), 0, eight_bits=True)[0])
        elif line == LOGIN_NOT_SHOWN:
            self._take(Step("login", "client", (Line("login", 0, raw, "user and password, in base64 (RFC 4954)"),)))
        else:
            self._utf8 = self._utf8 or "SMTPUTF8" in line.upper().split()
            self._take(command_line(raw, utf8=self._utf8))

    def _replied(self, raw: bytes) -> None:
        line = reply_line(raw, first=self._reply[0] if self._reply else None)
        self._reply.append(line)
        self._say(told_line(line, "<"))
        if line.parts.get("more") != "yes":
            self.steps.append(Step("reply", "server", tuple(self._reply)))
            self._content = [] if line.parts.get("reply code") == "354" else None
            self._reply = []

    def _take(self, step: Step) -> None:
        self.steps.append(step)
        self._say(told(step))

    def _say(self, lines: Iterable[str]) -> None:
        if self._is_shown:
            for line in lines:
                manners.remark(line)


def _one(said: Mapping[str, Sequence[str]], name: str) -> str:
    values = said.get(name, ())
    return values[0] if values else ""


def _usual_sender() -> str:
    import getpass

    try:
        return f"{getpass.getuser()}@localhost"
    except (OSError, KeyError):  # a user without a name
        return "sockwright@localhost"


def _body(said: Mapping[str, Sequence[str]]) -> str:
    value = _one(said, "body")
    if value == "-" or ("body" not in said and "html" not in said and stdin_is_piped()):
        return sys.stdin.buffer.read().decode("utf-8", "replace") if sys.stdin is not None else ""
    return _text(value)


def _text(value: str) -> str:
    """Return the text itself, or that of the file behind `@`."""
    return _read(value[1:]).decode("utf-8", "replace") if value.startswith("@") else value


def _attached(value: str) -> tuple[str, bytes]:
    path = value.removeprefix("@")
    return Path(path).name, _read(path)


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as wrong:
        raise manners.Stop(manners.USAGE, f"cannot read {path}: {wrong.strerror}") from None


def _password(user: str, variable: str | None) -> str:
    """Return the password: never from the command line, which everybody on this machine can read."""
    if variable:
        if variable not in os.environ:
            raise manners.Stop(manners.USAGE, f"there is no variable {variable} in the environment")
        return os.environ[variable]
    if not sys.stdin.isatty():
        raise click.UsageError(f"The password of {user} is missing: --password-env VARIABLE names where it is.")
    answer = click.prompt(f"Password of {user}", hide_input=True, err=True)
    return str(answer)
