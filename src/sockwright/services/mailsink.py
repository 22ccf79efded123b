"""Mailsink: takes every mail, keeps it in the mailbox and delivers none. Acknowledged means kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sockwright.binding import Outcome, Service, service, service_of
from sockwright.services import Context
from sockwright.stores.mailbox import Mailbox, MemoryMailbox
from sockwright.wire.mail import Mail


def offer(context: Context) -> Sequence[Service]:
    mailbox: Mailbox = context.extra.get("mailbox") or MemoryMailbox()

    @service(later=True, only="stream")
    def mailsink(mail: Mail, done: Callable[[Outcome], None]) -> None:
        """Keep a mail, and tell its number once it is on the disk."""
        mailbox.keep(mail, done)

    return (service_of(mailsink, "mailsink"),)
