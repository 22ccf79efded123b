"""mbox, in the variant that can be undone (mboxrd): mails one after the other in one file."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from sockwright.wire.mail import Mail

_FROM = re.compile(rb"^(>*From )", re.MULTILINE)


def encode_mbox(mail: Mail) -> bytes:
    """Return one mail as it stands in an mbox file (RFC 4155, with the quoting of mboxrd)."""
    who = "".join(mail.sender.split()) or "MAILER-DAEMON"
    when = datetime.fromtimestamp(mail.received, UTC).strftime("%a %b %e %H:%M:%S %Y")
    content = _FROM.sub(rb">\1", mail.content.replace(b"\r\n", b"\n"))
    if content and not content.endswith(b"\n"):
        content += b"\n"
    return f"From {who} {when}\n".encode("utf-8", "replace") + content + b"\n"
