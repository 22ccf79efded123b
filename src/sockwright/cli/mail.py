"""`mail`: the mail sink's mailbox: list, show, wait, export, clear; `send` is `call smtp://` with options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sockwright.cli import manners
from sockwright.cli.kinds import DURATION

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sockwright.stores.mailbox import Entry, Mailbox, Query
    from sockwright.wire.mail import Mail
    from sockwright.wire.mime import Understood

EXAMPLES = """\b
Examples:
  sockwright mail list                                       the last 100
  sockwright mail list --to ann --subject invoice
  sockwright mail show 17                                    text, attachments, links, codes
  sockwright mail wait --to ann@example.org --timeout 5s     for scripts: exit 4 if none comes
  sockwright mail export -o all.mbox
  sockwright mail send --at smtp://:7025 --to ann@example.org --subject Hi --body Hello
"""
LAST = 100
# Mails that a script waits for come at once or not at all.
TIMEOUT = 5.0
LOOK = 0.03  # seconds between two looks while waiting


def _mailbox_option(function: Callable[..., None]) -> Callable[..., None]:
    return click.option(
        "--mailbox", "place", metavar="FILE|URL", help="Another mailbox than the user's: a file, redis://HOST:PORT/DB."
    )(function)


def _query_options(function: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--after", type=click.IntRange(0), default=0, metavar="N", help="Only mails after number N."),
        click.option("--subject", default="", metavar="TEXT", help="Only with TEXT in the subject."),
        click.option("--from", "sender", default="", metavar="TEXT", help="Only with TEXT in the sender or From."),
        click.option("--to", default="", metavar="TEXT", help="Only with TEXT in a recipient, To or Cc."),
    ):
        function = option(function)
    return function


@click.group("mail", epilog=EXAMPLES)
def command() -> None:
    """The mail sink's mailbox, and sending."""


@command.command("list")
@_query_options
@click.option("--last", type=click.IntRange(0), default=LAST, show_default=True, help="So many; 0 for all.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@_mailbox_option
def list_command(last: int, as_json: bool, place: str | None, **words: Any) -> None:
    """List mails, the newest last."""
    mailbox, query = _opened(place), _query(words)
    try:
        found = mailbox.find(query, last + 1 if last else -1)
    finally:
        mailbox.close()
    for entry in reversed(found[:last] if last else found):
        manners.emit(about(entry)) if as_json else click.echo(line(entry))
    if last and len(found) > last:
        manners.remark("there are earlier ones; --last 0 lists all")
    if not found:
        manners.remark("no mail matches" if any(words.values()) else "the mailbox is empty")


@command.command("show")
@click.argument("number", metavar="N")
@click.option("--raw", is_flag=True, help="The content byte for byte as it came.")
@click.option("--html", "as_html", is_flag=True, help="The HTML part as it is; never open it from an unknown sender.")
@click.option("--save", metavar="DIR", help="Write the attachments into DIR.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@_mailbox_option
def show_command(number: str, raw: bool, as_html: bool, save: str | None, as_json: bool, place: str | None) -> None:
    """Show mail N."""
    from sockwright.cli.screen import Screen
    from sockwright.wire.mime import understood

    entry, mail = _mail(number, place)
    if raw:
        screen = Screen()
        screen.write(mail.content)
        screen.finish()
        return
    seen = understood(mail.content)
    if as_html:
        if not seen.html:
            raise manners.Stop(manners.WRONG, f"mail {entry.number} has no HTML")
        screen = Screen()
        screen.write(seen.html.encode("utf-8", "replace"))
        screen.finish()
    elif as_json:
        manners.emit(about(entry) | _understood(seen))
    else:
        for row in _told(entry, seen):
            click.echo(row)
    if save is not None:
        _save(seen, save)


@command.command("wait")
@_query_options
@click.option("--timeout", type=DURATION, default=TIMEOUT, metavar="TIME", help="Wait so long (5s).")
@click.option("--new", is_flag=True, help="Only mail that comes from now on.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, with text, links and codes.")
@_mailbox_option
def wait_command(timeout: float, new: bool, as_json: bool, place: str | None, **words: Any) -> None:
    """Wait for a mail, and show it; one that is there already counts unless --new. Exit 4 when none comes in time."""
    import time
    from dataclasses import replace

    from sockwright.wire.mime import understood

    mailbox, query = _opened(place), _query(words)
    deadline = time.monotonic() + timeout
    try:
        if new:
            newest = mailbox.find(limit=1)
            query = replace(query, after=max(query.after, newest[0].number if newest else 0))
        version = None
        while True:
            now = mailbox.version()
            found = mailbox.find(query, 1) if now != version else []
            version = now
            if found:
                kept = mailbox.mail(found[0].number)
                if kept is not None:
                    break
            if time.monotonic() >= deadline:
                raise manners.Stop(manners.DEADLINE, "no such mail came in time", "sockwright mail list shows all")
            time.sleep(min(LOOK, max(deadline - time.monotonic(), 0.0)))
    finally:
        mailbox.close()
    entry, mail = kept
    seen = understood(mail.content)
    if as_json:
        manners.emit(about(entry) | _understood(seen))
        return
    for row in _told(entry, seen):
        click.echo(row)


@command.command("export")
@click.argument("wanted", nargs=-1, metavar="[N...]")
@_query_options
@click.option("--as", "form", type=click.Choice(["eml", "mbox"]), help="Else as the file's name ends.")
@click.option(
    "-o", "--output", metavar="FILE|DIR", help="Write there: a file, or a folder for many .eml; else to stdout."
)
@_mailbox_option
def export_command(
    wanted: tuple[str, ...], form: str | None, output: str | None, place: str | None, **words: Any
) -> None:
    """Write mails for other programs: one as .eml, many as mbox or into a folder."""
    import sys
    from pathlib import Path

    from sockwright.wire.mbox import encode_mbox

    mailbox = _opened(place)
    try:
        chosen = [_number(word) for word in wanted] or [one.number for one in reversed(mailbox.find(_query(words), -1))]
        mails = [(number, kept[1]) for number in chosen if (kept := mailbox.mail(number)) is not None]
    finally:
        mailbox.close()
    if not mails:
        raise manners.Stop(manners.WRONG, "there is no such mail")
    target = Path(output) if output else None
    if target is not None and (target.is_dir() or (output is not None and output.endswith("/"))):
        target.mkdir(parents=True, exist_ok=True)
        for number, mail in mails:
            (target / f"{number}.eml").write_bytes(mail.content)
        manners.remark(f"{len(mails)} mails are in {target}")
        return
    form = form or ("mbox" if len(mails) > 1 or (target is not None and target.suffix == ".mbox") else "eml")
    if form == "eml" and len(mails) > 1:
        raise click.UsageError("One .eml file holds one mail. -o DIR/ writes many, --as mbox one file of all.")
    written = mails[0][1].content if form == "eml" else b"".join(encode_mbox(mail) for _, mail in mails)
    if target is None:
        sys.stdout.buffer.write(written)
        sys.stdout.buffer.flush()
    else:
        target.write_bytes(written)
        manners.remark(f"{len(mails)} mail{'s are' if len(mails) > 1 else ' is'} in {target}")


@command.command("clear")
@_query_options
@click.option("--all", "everything", is_flag=True, help="All mails.")
@_mailbox_option
def clear_command(everything: bool, place: str | None, **words: Any) -> None:
    """Remove mails."""
    if not everything and not any(words.values()):
        raise click.UsageError("Which mails? --all removes them all; --to, --from and --subject choose.")
    mailbox = _opened(place)
    try:
        count = mailbox.clear(_query(words))
    finally:
        mailbox.close()
    manners.remark(f"{count} mail{'' if count == 1 else 's'} removed")


def _opened(place: str | None) -> Mailbox:
    from sockwright.stores import Unavailable
    from sockwright.stores.mailbox import open_mailbox

    if place == "memory":
        raise click.UsageError("--mailbox memory is for up and serve: nobody else can look into it.")
    try:
        return open_mailbox(place or "")
    except Unavailable as wrong:
        raise manners.Stop(manners.UNREACHABLE, str(wrong)) from None


def _query(words: dict[str, Any]) -> Query:
    from sockwright.stores.mailbox import Query

    return Query(**words)


def _number(word: str) -> int:
    digits = word.removeprefix("#")
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 19):
        raise click.UsageError(f"{word!r} is not the number of a mail; sockwright mail list shows them")
    return int(digits)


def _mail(word: str, place: str | None) -> tuple[Entry, Mail]:
    number = _number(word)
    mailbox = _opened(place)
    try:
        kept = mailbox.mail(number)
        newest = mailbox.find(limit=1)
    finally:
        mailbox.close()
    if kept is None:
        cure = f"the newest is {newest[0].number}; sockwright mail list shows more" if newest else "it is empty"
        raise manners.Stop(manners.WRONG, f"there is no mail {number} in the mailbox", cure)
    return kept


def line(entry: Entry) -> str:
    """Return a mail as a line of the list."""
    import time

    from sockwright.journal.connections import bytes_words
    from sockwright.wire.visible import visible

    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.received))
    to = ", ".join(entry.recipients[:3]) + (
        f" and {len(entry.recipients) - 3} more" if len(entry.recipients) > 3 else ""
    )
    ways = f"{visible(entry.sender, 60) or '<>'} -> {visible(to, 120)}"
    return f"#{entry.number} {when}  {ways}  {visible(entry.subject, 120) or '(no subject)'}  {bytes_words(entry.size)}"


def about(entry: Entry) -> dict[str, Any]:
    """Return a mail's line as `--json` says it."""
    return {
        "number": entry.number,
        "received": entry.received,
        "sender": entry.sender,
        "recipients": list(entry.recipients),
        "from": entry.author,
        "to": entry.to,
        "subject": entry.subject,
        "size": entry.size,
        "peer": entry.peer,
        "helo": entry.helo,
        "login": entry.login,
        "tls": entry.tls,
    }


def _understood(seen: Understood) -> dict[str, Any]:
    return {
        "date": seen.headline.date,
        "headers": [list(one) for one in seen.fields],
        "text": seen.text,
        "html": seen.html,
        "attachments": [{"name": a.name, "type": a.type, "size": len(a.content)} for a in seen.attachments],
        "links": list(seen.links),
        "codes": list(seen.codes),
        "defects": list(seen.defects),
    }


def _told(entry: Entry, seen: Understood) -> Sequence[str]:
    from sockwright.wire.mime import text_of_html
    from sockwright.wire.visible import visible, visible_lines

    login = f", logged in as {visible(entry.login, 60)}" if entry.login else ""
    tls = " over TLS" if entry.tls else ""
    rows = [
        line(entry),
        f"  brought by {entry.peer} ({visible(entry.helo, 60)}){tls}{login}",
        f"From: {visible(seen.headline.author, 500)}",
        f"To: {visible(seen.headline.to, 500)}",
        f"Date: {visible(seen.headline.date, 100)}",
        f"Subject: {visible(seen.headline.subject, 500)}",
        "",
    ]
    text = seen.text or text_of_html(seen.html)
    rows.append(visible_lines(text).rstrip("\n"))
    for title, words in (("links", seen.links), ("codes", seen.codes), ("not understood", seen.defects)):
        if words:
            rows += ["", f"{title}:", *(f"  {visible(word, 500)}" for word in words)]
    if seen.attachments:
        rows += ["", "attachments:"]
        rows += [
            f"  {visible(a.name, 120) or '(no name)'}  {visible(a.type, 80)}  {len(a.content):,} B"
            for a in seen.attachments
        ]
    return rows


def _save(seen: Understood, folder: str) -> None:
    """Write the attachments, under names that cannot leave the folder and replace nothing."""
    import re
    from pathlib import Path

    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    for count, one in enumerate(seen.attachments, 1):
        base = re.split(r"[/\\]", one.name)[-1]
        base = re.sub(r"[^\w.() +,=@-]", "_", base).strip(". ")[:120] or f"part-{count}"
        file = place / base
        while file.exists():
            file = place / f"{count}-{file.name}"
        file.write_bytes(one.content)
        manners.remark(f"saved {file}")


@command.command("send")
@click.option("--at", default="smtp://:7025", show_default=True, metavar="URL", help="The server: smtp:// or smtps://.")
@click.option("--from", "sender", metavar="ADDRESS", help="Who sends it (you, at localhost).")
@click.option("--to", multiple=True, metavar="ADDRESS", help="Who gets it; more than once for more.")
@click.option("--cc", multiple=True, metavar="ADDRESS", help="Who gets a copy.")
@click.option("--bcc", multiple=True, metavar="ADDRESS", help="Who gets a copy, unseen by the others.")
@click.option("--subject", default="", metavar="TEXT", help="The subject.")
@click.option("--body", metavar="TEXT|@FILE|-", help="The text; else standard input where it is piped.")
@click.option("--html", metavar="HTML|@FILE", help="The text as HTML, beside or instead of --body.")
@click.option("--attach", multiple=True, metavar="FILE", help="A file to go with it; more than once for more.")
@click.option("--user", metavar="NAME", help="Log in as NAME; the password is asked for, or:")
@click.option("--password-env", metavar="VARIABLE", help="The environment variable that holds the password.")
@click.option("--ca", metavar="FILE", help="TLS: trust the CA in FILE alone.")
@click.option("--insecure", is_flag=True, help="TLS: do not check who the server is.")
@click.option("--wait", type=DURATION, metavar="TIME", help="Give up after so much silence (10s).")
@click.option("--verbose", "-v", is_flag=True, help="The dialogue, on stderr.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def send_command(at: str, sender: str | None, attach: tuple[str, ...], **options: Any) -> None:
    """Send a mail. STARTTLS is used where it is offered; ?starttls=required in the URL insists on it."""
    from sockwright.cli.call import guarded, with_trust
    from sockwright.cli.call_smtp import send
    from sockwright.endpoint import parse

    endpoint = with_trust(parse(at, "smtp"), options)
    if endpoint.protocol != "smtp":
        raise click.UsageError(f"--at: mail goes to smtp:// or smtps://, and {at} is {endpoint.scheme}.")
    texts = {name: options.pop(name) for name in ("subject", "body", "html")}
    said = {name: [value] for name, value in texts.items() if value is not None}
    said |= {name: list(options.pop(name)) for name in ("to", "cc", "bcc")}
    if sender is not None:
        said["from"] = [sender]
    said["attach"] = list(attach)
    raise manners.Stop(guarded(lambda: send(endpoint, said, **options), endpoint, bool(options["as_json"])))
