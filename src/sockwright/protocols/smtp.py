"""SMTP as a server (RFC 5321): one dialogue, sans-I/O. What becomes of a mail is the service's business.

    greeted --EHLO, HELO--> ready --MAIL--> sender --RCPT--> rcpt --DATA--> content --CRLF.CRLF--> keeping --.
                              ^                                                                              |
                              '--------------------------- 250 or a refusal ---------------------------------'

RSET, EHLO and HELO lead back to ready, whatever was said of a mail is forgotten. While a mail is kept, the commands
that came behind it wait (PIPELINING, RFC 2920). STARTTLS forgets everything, commands behind it included
(RFC 3207, 4.2). Refusals are in the bytes of the dialogue, which the journal holds; notes say only what bytes do not.

Here are lines, content and time. `smtp_session` answers the commands, with `smtp_envelope` for MAIL and RCPT and
`smtp_login` for AUTH; `smtp_site` has limits and what is offered.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import Any

from sockwright import config
from sockwright.binding import Arguments, Outcome, Refusal, Service
from sockwright.conversation import (
    NOTHING,
    Action,
    Actions,
    Close,
    Dialogue,
    Invoke,
    Note,
    Opening,
    StartTls,
    failed,
)
from sockwright.errors import ConfigError
from sockwright.protocols import Terms
from sockwright.protocols.smtp_session import GO_ON, UNKNOWN, Session, bytes_refused
from sockwright.protocols.smtp_site import NO_ARGUMENTS, READY, Limits, Site, refusal
from sockwright.wire.mail import Mail
from sockwright.wire.smtp import Content, longest_line

# What browsers say first: any page can make one speak to a port of this machine.
_HTTP = re.compile(rb"(?:GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH|PRI) ")


class Smtp(Dialogue):
    """One peer that brings mail."""

    __slots__ = (
        "_buffer",
        "_content",
        "_errors",
        "_keeping",
        "_said_all",
        "_session",
        "_session_end",
        "_site",
        "_skipping",
        "_stopping",
        "_tls_begun",
    )

    def __init__(self, site: Site) -> None:
        super().__init__()
        self._site = site
        self._session = Session(site)
        self._buffer = b""
        self._skipping = False  # an endless line is passed over up to its end
        self._content: Content | None = None
        self._keeping = False  # a mail is being kept; its outcome comes to `answered`
        self._errors = 0
        self._tls_begun = self._said_all = self._stopping = False
        self._session_end = 0.0

    def _wait(self, now: float) -> None:
        """Set the time by which something must come."""
        limits = self._site.limits
        until = now + (limits.command if self._content is None else limits.content)
        self.deadline = until if until < self._session_end else self._session_end

    # -- events

    def opened(self, now: float) -> Actions:
        self.deadline = now + self._site.limits.command
        if self._tls_begun:  # the client speaks first now
            self._session.secure = True
            return NOTHING
        self._session.host = self.peer.host
        self._session_end = now + self._site.limits.session
        return (self._site.greeting,)

    def timely(self, data: bytes, now: float) -> bytes | None:
        """Answer one command that is answered by bytes alone: the hot path. All else is for `feed`."""
        if (
            self._content is not None
            or self._buffer
            or self._keeping
            or self._errors
            or self._skipping
            or self._session.login.expects is not None
        ):
            return None
        answer = self._session.at_once(data)
        if answer is None:
            return None
        if answer[0] >= 52:  # "4" and "5"
            self._errors += 1
        elif answer is GO_ON:
            self._content = Content(self._site.limits.size)
        self._wait(now)
        return answer

    def feed(self, data: bytes, now: float) -> Actions:
        if self._keeping:
            self._buffer += data
            self.congested = True
            return NOTHING
        actions: list[Action] = []
        if self._content is None:
            if self._buffer:
                data = self._buffer + data
                self._buffer = b""
            self._commands(data, now, actions)
        else:
            self._take_content(data, now, actions)
        if self.deadline is not None:
            self._wait(now)
        return actions

    def half_closed(self, now: float) -> Actions:
        self._said_all = True
        if self._keeping:
            return NOTHING
        if self._content is not None:
            note = Note("refused", {"message": f"cut off after {self._content.size} bytes of content: nothing is kept"})
            self._content = None
            return (note, Close())
        return (Close(),)

    def answered(self, ticket: int, outcomes: Sequence[Outcome], now: float) -> Actions:
        self._keeping = self.congested = False
        outcome = outcomes[0]
        actions: list[Action] = []
        if type(outcome) is Refusal:
            if outcome.trace:
                actions.append(failed(outcome))
            code, detail = (451, "4.3.0") if outcome.code >= 500 else (554, "5.7.1")
            actions.append(refusal(code, detail, outcome.message))
            self._errors += 1
        elif type(outcome) is int:
            actions.append(b"250 2.0.0 kept as number %d\r\n" % outcome)
        else:
            actions.append(READY)
        self._session.mails += 1
        self._wait(now)
        if not (self._buffer or self._stopping or self._said_all):
            return actions
        if self._stopping:
            return (*actions, *self.stopping(now))
        data, self._buffer = self._buffer, b""
        if data:
            self._commands(data, now, actions)
        if self._said_all and not self._keeping:
            actions.append(Close())
        return actions

    def expired(self, now: float) -> Actions:
        if self._keeping:
            self.deadline = now + self._site.limits.command
            return NOTHING
        self.deadline = None
        limits = self._site.limits
        if now >= self._session_end:
            words = f"this session has lasted {config.duration_text(limits.session)}, which is the limit"
        elif self._content is not None:
            words = f"nothing came for {config.duration_text(limits.content)} inside the content; nothing is kept"
        else:
            words = f"nothing came for {config.duration_text(limits.command)}"
        return (refusal(421, "4.4.2", words), Close(words, how="time-out"))

    def stopping(self, now: float) -> Actions:
        if self._keeping:
            self._stopping = True
            return NOTHING
        return (refusal(421, "4.3.2", "shutting down"), Close("shutting down", how="stopped"))

    # -- lines

    def _commands(self, data: bytes, now: float, actions: list[Action]) -> None:
        """Answer the commands in `data`, in their order; what is not a whole line yet is held."""
        limits = self._site.limits
        at = 0
        while not self._keeping:
            end = data.find(b"\n", at)
            if end < 0:
                rest = data[at:]
                if self._skipping:
                    return
                if len(rest) > limits.command_line:
                    self._skipping = True
                    self._say(refusal(500, "5.5.6", f"a command has {limits.command_line} bytes at most"), actions)
                else:
                    self._buffer = rest
                return
            line = data[at:end]
            at = end + 1
            if self._skipping:
                self._skipping = False
                continue
            login = self._session.login
            if login.expects is not None and line.endswith(b"\r"):
                self._say(login.go_on(line[:-1]), actions)
            elif len(line) + 1 > limits.command_line:
                self._say(refusal(500, "5.5.6", f"a command has {limits.command_line} bytes at most"), actions)
            elif not self._command(line, now, actions):
                return
            if self._over(actions):
                return
            if self._content is not None:
                if at < len(data):
                    self._take_content(data[at:], now, actions)
                return
        self._buffer = data[at:]

    def _over(self, actions: list[Action]) -> bool:
        if self._errors < self._site.limits.errors:
            return False
        words = f"{self._errors} refused commands on one connection"
        actions += (refusal(421, "4.7.0", words), Close(words, how="limit"))
        self.deadline = None
        return True

    def _say(self, reply: bytes, actions: list[Action]) -> None:
        if reply[0] >= 52:  # "4" and "5"
            self._errors += 1
        actions.append(reply)

    def _command(self, line: bytes, now: float, actions: list[Action]) -> bool:
        """Answer one command; return False when nothing that follows counts."""
        if not line.endswith(b"\r"):
            if self._is_http(line, actions):
                return False
            # Whoever sends lone LFs and is believed can hide commands from those who look for CR LF.
            note = {"rule": "RFC 5321, 2.3.8", "message": "a command ended with a lone LF"}
            actions.append(Note("malformed", note))
            self._say(b"500 5.5.2 a line ends with CR LF, not with LF alone\r\n", actions)
            return True
        line = line[:-1]
        word, _, rest = line.partition(b" ")
        verb = word.upper()
        answer = bytes_refused(line)
        text = rest.decode() if answer is None else ""
        if answer is None and verb == b"STARTTLS":
            answer = self._session.starttls(text)
            if answer is None:
                self._session.forget()
                self._buffer = b""
                self._tls_begun = True
                actions += (b"220 2.0.0 go ahead\r\n", StartTls())
                return False
        if answer is None and verb == b"QUIT":
            if not text:
                actions += (b"221 2.0.0 bye\r\n", Close("QUIT"))
                self.deadline = None
                return False
            answer = NO_ARGUMENTS
        if answer is None:
            answer = self._session.answer(verb, text)
        if answer is None:
            if self._is_http(line, actions):
                return False
            answer = UNKNOWN
        if answer is GO_ON:
            self._content = Content(self._site.limits.size)
        self._say(answer, actions)
        return True

    def _is_http(self, line: bytes, actions: list[Action]) -> bool:
        if not _HTTP.match(line):
            return False
        words = "this is SMTP, and that looks like HTTP"
        actions += (Note("refused", {"message": words}), refusal(554, "5.5.1", words), Close(words, how="limit"))
        self.deadline = None
        return True

    def _take_content(self, data: bytes, now: float, actions: list[Action]) -> None:
        content = self._content
        assert content is not None
        rest = content.feed(data)
        if rest is None:
            return
        self._content = None
        limits, session = self._site.limits, self._session
        envelope = session.envelope
        sender, recipients = envelope.sender or "", tuple(envelope.recipients)
        envelope.forget()
        whole, wrong = (b"", "") if content.too_large else content.whole()
        if content.too_large:
            self._say(refusal(552, "5.3.4", f"a mail has {limits.size} bytes at most, this had more"), actions)
        elif len(whole) > limits.content_line and longest_line(whole) > limits.content_line:
            self._say(refusal(552, "5.6.0", f"a line has {limits.content_line} bytes at most"), actions)
        else:
            if wrong:
                actions.append(Note("malformed", {"rule": "RFC 5321, 2.3.8", "message": f"{wrong}; kept as it came"}))
            mail = Mail(
                sender, recipients, whole, now, str(self.peer), session.helo, session.login.user, session.secure
            )
            self._keeping = True
            self._buffer = rest
            actions.append(Invoke(self._site.service, (Arguments(values=(mail,)),)))
            return
        if not self._over(actions):
            self._commands(rest, now, actions)


def _takes_mail(service: Service) -> bool:
    return len(service.parameters) == 1 and not service.is_session and service.parameters[0].type in (Mail, Any)


def open_with(terms: Terms) -> Opening:
    """Return what makes a dialogue for each peer; the first service that takes one value is handed each `Mail`.

    `terms.extra` may hold `secure` (TLS from the first byte), `starttls` (no, if-offered, required), `users` (who may
    log in, with which password) and `greeting` (our name).

    Raises: ConfigError where no service can take a mail.
    """
    limits = config.overridden(Limits(), terms.limits)
    service = next((one for one in terms.services if _takes_mail(one)), None)
    if service is None:
        name = terms.services[0].name if terms.services else "nothing"
        raise ConfigError(
            f"{name} cannot take mail", cure="--do mailsink keeps it; a function of yours takes one sockwright.Mail"
        )
    tls = "on" if terms.extra.get("secure") else str(terms.extra.get("starttls", "no"))
    if tls not in ("on", "no", "if-offered", "required"):
        raise ConfigError(f"starttls={tls} makes no sense", cure="write starttls=required, if-offered or no")
    site = Site(service, limits, str(terms.extra.get("greeting") or "sockwright"), tls, terms.extra.get("users"))
    return partial(Smtp, site)
