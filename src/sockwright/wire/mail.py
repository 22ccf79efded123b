"""One mail: the envelope that was agreed on, and the content as it came. What the content means stands in `mime`."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Mail:
    """What one transaction brought (RFC 5321, 2.3.1).

    `sender` is the reverse-path ("" for the null one), `recipients` the forward-paths in their order. `content` is
    byte for byte what came, its dots unstuffed. `received` is seconds since the epoch; `peer` who brought it, `helo`
    the name it gave, `login` the user it logged in as.
    """

    sender: str
    recipients: tuple[str, ...]
    content: bytes = field(repr=False)
    received: float = 0.0
    peer: str = ""
    helo: str = ""
    login: str = ""
    tls: bool = False
