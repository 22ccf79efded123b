"""The mailbox: list and search, one mail with all that can be understood of it, refused mails, sending."""

from __future__ import annotations

import dataclasses
import re
import time
from typing import Any

from sockwright.console.api import Asked, Download, Operation, Parameter
from sockwright.console.api.connections import Source, about, opened, said_by_client
from sockwright.console.dialogue import dialogue_of, refusal_in
from sockwright.errors import ServiceError
from sockwright.journal.connections import Connection
from sockwright.stores.mailbox import Entry, Mailbox, Query
from sockwright.wire.mail import Mail
from sockwright.wire.mime import Understood, understood
from sockwright.wire.visible import visible

PAGE = 500
# SMTP sessions that are looked through for refusals, for how long (seconds), and refused mails that are told.
SESSIONS = 2_000
PATIENCE = 5.0
REFUSED = 200
# Connections among which the one that brought a mail is looked for.
LOOKED_THROUGH = 5_000
TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,60}/[A-Za-z0-9!#$&^_.+-]{1,60}\Z")

SEARCH = (
    Parameter("search", doc="In recipients, sender or subject"),
    Parameter("to", doc="In a recipient, To or Cc"),
    Parameter("sender", doc="In the sender or From"),
    Parameter("subject", doc="In the subject"),
)


def _mailbox(asked: Asked) -> Mailbox:
    mailbox = asked.desk.mailbox
    if mailbox is None:
        raise ServiceError("there is no mailbox here: this bench has no `mailsink`", code=404)
    return mailbox


def _query(asked: Asked) -> Query:
    words = {name: asked.query.get(name, "") for name in ("to", "sender", "subject")}
    return Query(text=asked.query.get("search", ""), before=asked.query.get("before", 0), **words)


def _mail(asked: Asked) -> tuple[Entry, Mail]:
    found = _mailbox(asked).mail(asked.number)
    if found is None:
        raise ServiceError(f"there is no mail {asked.number}", code=404)
    return found


def _entry(entry: Entry) -> dict[str, Any]:
    """Return a line of the mailbox. What strangers wrote is made visible."""
    told = dataclasses.asdict(entry)
    told["recipients"] = [visible(one, 500) for one in entry.recipients]
    for name in ("sender", "subject", "author", "to", "helo", "login"):
        told[name] = visible(told[name], 1000)
    return told


def get_mails(asked: Asked) -> dict[str, Any]:
    mailbox, query = _mailbox(asked), _query(asked)
    limit = asked.query["limit"]
    found = mailbox.find(query, limit + 1)
    count = mailbox.count(dataclasses.replace(query, before=0))
    return {"mails": [_entry(one) for one in found[:limit]], "more": len(found) > limit, "count": count}


def get_mail(asked: Asked) -> dict[str, Any]:
    entry, mail = _mail(asked)
    seen = understood(mail.content)
    connection = _connection_of(asked, mail)
    return {"entry": _entry(entry), **_told(seen), "connection": connection}


def _told(seen: Understood) -> dict[str, Any]:
    return {
        "headers": [[visible(name, 200), visible(value, 10_000)] for name, value in seen.fields],
        "text": seen.text,
        "html": bool(seen.html),
        "attachments": [
            {"index": index, "name": visible(one.name, 200), "type": visible(one.type, 100), "size": len(one.content)}
            for index, one in enumerate(seen.attachments)
        ],
        "links": list(seen.links),
        "codes": list(seen.codes),
        "defects": list(seen.defects),
    }


def _connection_of(asked: Asked, mail: Mail) -> int | None:
    """Return the number of the connection that brought a mail, where the journal still has it."""
    if not mail.peer:
        return None
    with opened(asked.desk) as source:
        for looked, one in enumerate(source.connections()):
            if looked >= LOOKED_THROUGH or one.since < mail.received - 3600:
                return None
            is_there = one.since <= mail.received <= (one.until or mail.received)
            if is_there and one.opened.proto == "smtp" and one.opened.peer == mail.peer:
                return one.number
    return None


def get_mail_html(asked: Asked) -> dict[str, Any]:
    seen = understood(_mail(asked)[1].content)
    if not seen.html:
        raise ServiceError("this mail has no HTML", code=404)
    return {"html": seen.html}


def get_mail_source(asked: Asked) -> Download:
    entry, mail = _mail(asked)
    return Download(mail.content, f"{entry.number}.eml", "message/rfc822")


def get_attachment(asked: Asked) -> Download:
    entry, mail = _mail(asked)
    index = asked.captured["index"]
    attachments = understood(mail.content).attachments
    if not (index.isascii() and index.isdecimal()) or len(index) > 6 or int(index) >= len(attachments):
        raise ServiceError(f"mail {entry.number} has no attachment {index[:20]!r}", code=404)
    one = attachments[int(index)]
    kind = one.type if TYPE.match(one.type) else "application/octet-stream"
    return Download(one.content, one.name or f"attachment-{index}", kind)


def delete_mail(asked: Asked) -> None:
    number = _mail(asked)[0].number
    _mailbox(asked).clear(Query(after=number - 1, before=number + 1))
    asked.feed.mail_changed()


def delete_mails(asked: Asked) -> None:
    _mailbox(asked).clear(_query(asked))
    asked.feed.mail_changed()


def get_refused(asked: Asked) -> dict[str, Any]:
    refused: list[dict[str, Any]] = []
    looked = 0
    deadline = time.monotonic() + PATIENCE
    with opened(asked.desk) as source:
        for one in source.connections():
            if one.opened.proto != "smtp":
                continue
            looked += 1
            if looked > SESSIONS or len(refused) == REFUSED or time.monotonic() > deadline:
                break
            told = _refused(source, one)
            if told is not None:
                refused.append(told)
    return {"refused": refused}


def _refused(source: Source, connection: Connection) -> dict[str, Any] | None:
    transcript = source.transcript(connection)
    lines = dialogue_of(transcript)
    reply = refusal_in(lines)
    if not reply:
        return None
    said = [line.text for line in lines if line.side == "client" and line.kind == "command"]
    return {
        **about(connection, None, said_by_client(transcript)),
        "reply": reply,
        "sender": next((text for text in said if text.upper().startswith("MAIL")), ""),
        "recipients": [text for text in said if text.upper().startswith("RCPT")],
    }


def send_mail(asked: Asked) -> dict[str, Any]:
    return asked.desk.send_mail(asked.content)


OPERATIONS = (
    Operation(
        "GET",
        "mails",
        get_mails,
        "Mails, the newest first",
        (
            *SEARCH,
            Parameter("before", "integer", 0, "Only mails with a lower number"),
            Parameter("limit", "integer", 100, "So many at most", most=PAGE),
        ),
        answer="Mails",
        refusals=(404,),
    ),
    Operation("DELETE", "mails", delete_mails, "Remove mails; all of them without a search", SEARCH, status=204),
    Operation("GET", "mails/refused", get_refused, "SMTP sessions in which a mail was refused", answer="Refused"),
    Operation(
        "POST", "mails/send", send_mail, "Send a mail by a server", body="Letter", answer="Sent", refusals=(403, 503)
    ),
    Operation("GET", "mails/{number}", get_mail, "What can be understood of a mail", answer="Mail", refusals=(404,)),
    Operation("DELETE", "mails/{number}", delete_mail, "Remove a mail", status=204, refusals=(404,)),
    Operation(
        "GET",
        "mails/{number}/html",
        get_mail_html,
        "A mail's HTML as it came: never show it outside a sandbox",
        answer="Html",
        refusals=(404,),
    ),
    Operation("GET", "mails/{number}/source", get_mail_source, "A mail as it came", download=True, refusals=(404,)),
    Operation(
        "GET",
        "mails/{number}/attachments/{index}",
        get_attachment,
        "An attachment",
        download=True,
        refusals=(404,),
    ),
)
