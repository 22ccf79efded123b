"""Sending a mail on the console's behalf, and telling the dialogue with the server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sockwright.client.smtp import send_letter
from sockwright.desk import consoles
from sockwright.endpoint import parse
from sockwright.errors import PeerError, ServiceError
from sockwright.wire.compose import Letter
from sockwright.wire.visible import visible

# Silence after which the server is given up (seconds).
WAIT = 10.0
SENDER = "console@localhost"


def send(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Send a mail; what the server refuses is a finding, and part of the answer.

    Raises: ConfigError, ServiceError for what cannot be sent at all.
    """
    endpoint = parse(_text(asked, "server") or "smtp://:7025", "smtp")
    if endpoint.protocol != "smtp":
        raise ServiceError(f"mail goes to smtp:// or smtps://, and {endpoint} is {endpoint.scheme}", code=400)
    consoles.refuse(endpoint, "a mail")
    starttls = asked.get("starttls")
    if starttls:
        word = "required" if starttls is True else str(starttls)
        endpoint = replace(endpoint, options={**endpoint.options, "starttls": word})
    letter = Letter(
        sender=_text(asked, "sender") or SENDER,
        to=_addresses(asked, "to"),
        cc=_addresses(asked, "cc"),
        bcc=_addresses(asked, "bcc"),
        subject=_text(asked, "subject"),
        body=_text(asked, "text"),
        html=_text(asked, "html"),
    )
    dialogue: list[dict[str, str]] = []

    def heard(who: str, line: str) -> None:
        side = {">": "client", "<": "server"}.get(who, "note")
        dialogue.append({"side": side, "text": visible(line, 1000)})

    told: dict[str, Any] = {"ok": False, "replies": [], "accepted": [], "refused": {}, "dialogue": dialogue}
    try:
        handed = send_letter(
            endpoint, letter, user=_text(asked, "user"), password=_text(asked, "password"), wait=WAIT, heard=heard
        )
    except (ServiceError, PeerError, OSError) as wrong:
        words = getattr(wrong, "strerror", None) or str(wrong) or type(wrong).__name__
        return told | {"error": {"what": visible(words, 1000), "cure": ""}}
    except ValueError as wrong:  # behind the others: a certificate that is not trusted is one as well
        raise ServiceError(str(wrong), code=400) from None
    replies = [visible(str(handed.reply), 1000), *(visible(str(one), 1000) for one in handed.refused.values())]
    refused = {visible(who, 500): visible(str(reply), 1000) for who, reply in handed.refused.items()}
    return told | {"ok": not refused, "replies": replies, "accepted": list(handed.accepted), "refused": refused}


def _text(asked: Mapping[str, Any], name: str) -> str:
    value = asked.get(name) or ""
    if not isinstance(value, str):
        raise ServiceError(f"{name} is text", code=400)
    return value


def _addresses(asked: Mapping[str, Any], name: str) -> str:
    """Return addresses as one text; a list of them is taken as well."""
    value = asked.get(name) or ""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    if not isinstance(value, str):
        raise ServiceError(f"{name} is a list of addresses", code=400)
    return value
