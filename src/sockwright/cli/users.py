"""`--users FILE`: who may log in where mail is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sockwright.cli import manners

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sockwright.workbench import Posting


def with_users(postings: Sequence[Posting], file: str | None) -> list[Posting]:
    """Let only those log in at mail's endpoints whom `file` names, and who stands in the endpoint itself."""
    if not file:
        return list(postings)
    import os
    from dataclasses import replace
    from pathlib import Path

    from sockwright.errors import ConfigError
    from sockwright.protocols.smtp_login import users_in

    path = Path(file).expanduser()
    try:
        users = users_in(path.read_text("utf-8"))
        others = os.name == "posix" and path.stat().st_mode & 0o077
    except (OSError, UnicodeDecodeError) as wrong:
        why = wrong.strerror if isinstance(wrong, OSError) else "it is not UTF-8"
        raise manners.Stop(manners.USAGE, f"cannot read --users {file}: {why}") from None
    except ConfigError as wrong:
        raise manners.Stop(manners.USAGE, f"--users {file}: {wrong}", wrong.cure) from None
    if others:
        manners.remark(f"warning: others on this machine can read the passwords in {file}; chmod 600 {file}")
    found = []
    for each in postings:
        if each.endpoint.protocol == "smtp":
            own = {each.endpoint.user: each.endpoint.password} if each.endpoint.user else {}
            each = replace(each, extra={**each.extra, "users": users | own})
        found.append(each)
    if not any(each.endpoint.protocol == "smtp" for each in postings):
        raise click.UsageError("--users is for who sends mail: smtp:// or smtps://.")
    return found
