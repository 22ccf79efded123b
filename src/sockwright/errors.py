"""The only three exception classes of ours; network trouble keeps its builtin name."""

from __future__ import annotations


class PeerError(Exception):
    """The peer broke the protocol.

    `section` names the rule (`"RFC 9112, 5.1"`), `offset` the byte of the stream where it was broken
    (counted from 0, None where it cannot be told). `code` is for protocols that answer with one, in HTTP's terms.
    """

    def __init__(self, message: str, *, section: str = "", offset: int | None = None, code: int = 400) -> None:
        super().__init__(message)
        self.section = section
        self.offset = offset
        self.code = code

    def __str__(self) -> str:
        text = super().__str__()
        if self.section:
            text += f" ({self.section})"
        if self.offset is not None:
            text += f" at byte {self.offset}"
        return text


class ServiceError(Exception):
    """A service's refusal, in words meant for the peer.

    A protocol tells it in its own manner: an error line, an HTTP status, an XML-RPC fault.
    `code` is a hint for that, in HTTP's terms: 400 the request made no sense, 422 its values did not fit,
    404 there is no such thing, 503 not now.
    """

    def __init__(self, message: str, *, code: int = 422) -> None:
        super().__init__(message)
        self.code = code


class ConfigError(Exception):
    """The user asked for something that cannot be: a bad flag, setting, endpoint or file.

    `cure` says what to do instead, in words that follow the message on a line of its own.
    """

    def __init__(self, message: str, *, cure: str = "") -> None:
        super().__init__(message)
        self.cure = cure
