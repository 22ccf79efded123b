"""`links --mail-to`: the findings as a letter, text and HTML, through our own SMTP client."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sockwright.cli import manners
from sockwright.client.smtp import refused_words, send_letter
from sockwright.endpoint import parse
from sockwright.errors import ConfigError
from sockwright.links.page import Link
from sockwright.links.reports import Summary, some
from sockwright.links.reports.html import HtmlReport
from sockwright.links.reports.terminal import TerminalReport
from sockwright.links.verdict import Verdict
from sockwright.wire.compose import Letter
from sockwright.wire.visible import visible

if TYPE_CHECKING:
    from sockwright.links.crawler import Crawler

SERVER = "smtp://:7025"


class MailReport:
    """Collects what a person is told, and sends it when the run is over.

    Raises: ConfigError for a server that is none.
    """

    def __init__(self, to: Sequence[str], server: str | None, sender: str | None, failing: frozenset[str]) -> None:
        self._endpoint = parse(server or SERVER, "smtp")
        if self._endpoint.protocol != "smtp":
            raise ConfigError(f"--mail-at: mail goes to smtp:// or smtps://, and {server} is {self._endpoint.scheme}")
        self._to = ", ".join(to)
        self._sender = sender or _usual_sender()
        self._text = io.StringIO()
        self._html = ""
        self._subject = ""
        self._parts = (TerminalReport(self._text, self._text, failing=failing), HtmlReport(self._keep, failing))

    def _keep(self, html: str) -> None:
        self._html = html

    def link(self, page: str, link: Link, verdict: Verdict) -> None:
        for part in self._parts:
            part.link(page, link, verdict)

    def progress(self, crawler: Crawler) -> None:
        pass

    def finish(self, summary: Summary) -> None:
        for part in self._parts:
            part.finish(summary)
        found = some(summary.failed, "failing link") if summary.failed else "no failing links"
        self._subject = f"{found} among {summary.links}" + (", interrupted" if summary.interrupted else "")

    def send(self) -> None:
        """Send the letter; end the verb where it cannot be sent."""
        from sockwright.cli.call import guarded

        if code := guarded(self._send, self._endpoint, False):
            raise manners.Stop(code)

    def _send(self) -> int:
        letter = Letter(self._sender, to=self._to, subject=self._subject, body=self._text.getvalue(), html=self._html)
        handed = send_letter(self._endpoint, letter)
        for line in refused_words(handed):
            manners.complain(visible(line, 1000))
        return manners.OK


def _usual_sender() -> str:
    import getpass

    try:
        return f"{getpass.getuser()}@localhost"
    except (OSError, KeyError):  # a user without a name
        return "sockwright@localhost"
