"""`call` over smtp, and `mail send`: one mail, from what a person says."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from sockwright.cli import manners
from sockwright.cli.call import stdin_is_piped
from sockwright.client.smtp import refused_words, send_letter
from sockwright.endpoint import Endpoint
from sockwright.wire.compose import Letter
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
    heard = _show if options.get("verbose") else lambda who, line: None
    handed = send_letter(endpoint, letter, user=user, password=password, wait=options.get("wait"), heard=heard)
    code = manners.WRONG if handed.refused else manners.OK
    expect = options.get("expect")
    if expect is not None and not expect.holds(str(handed.reply)):
        manners.complain(expect.complaint(str(handed.reply)))
        code = manners.WRONG
    if options.get("as_json"):
        refused = {one: str(reply) for one, reply in handed.refused.items()}
        about = {"code": handed.reply.code, "reply": handed.reply.text, "accepted": list(handed.accepted)}
        manners.emit(about | {"refused": refused, "exit": code})
    else:
        click.echo(visible(str(handed.reply), 1000))
        for line in refused_words(handed):
            manners.complain(visible(line, 1000))
    return code


def _show(who: str, line: str) -> None:
    manners.remark(f"{who} {visible(line, 2000)}")


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
