"""Where HEAD can be believed: it spares the connection that hanging up on a large GET costs.

Many servers answer HEAD with what they would not answer GET, so a host must prove itself first, and only one with
many large files gets the chance: HEAD for a file whose GET is known must say the same, and HEAD for a name that
cannot exist must say so. Even then only good news is believed; the rest is asked again with GET.
"""

from __future__ import annotations

import re

from msgspec import Struct

from sockwright.links.asking import Exchange

HANG_UPS = 4  # GETs that were hung up before a host is worth the trouble
# Names of what is large and no page.
_LARGE = re.compile(
    r"7z|aac|apk|avi|avif|bin|bz2|deb|dmg|docx?|epub|exe|flac|gif|gz|ico|img|iso|jar|jpe?g|m4[av]|mkv|mov|mp[34]|mpeg|msi"
    r"|od[pst]|og[gv]|otf|pdf|png|pptx?|rar|rpm|tar|tbz|tgz|tiff?|ttf|wasm|wav|web[mp]|whl|woff2?|xlsx?|xz|zip|zst",
    re.IGNORECASE,
)


class _Trust(Struct):
    hang_ups: int = 0
    good: bool | None = None  # HEAD said of a known file what GET had said
    honest: bool | None = None  # HEAD said of a name that cannot exist that it does not

    @property
    def earned(self) -> bool:
        return bool(self.good and self.honest)


class Heads:
    """What is known of the hosts of a run."""

    def __init__(self) -> None:
        self._hosts: dict[str, _Trust] = {}

    def trusted(self, origin: str, url: str) -> bool:
        """Tell whether `url` may be asked with HEAD."""
        trust = self._hosts.get(origin)
        if trust is None or not trust.earned:
            return False
        name = url.partition("?")[0].rpartition("/")[2]
        return _LARGE.fullmatch(name.rpartition(".")[2]) is not None

    def hung_up(self, origin: str, url: str) -> tuple[str, str] | None:
        """Note that a GET was hung up; return the two URLs to try HEAD with, when it is time for it."""
        trust = self._hosts.setdefault(origin, _Trust())
        trust.hang_ups += 1
        if trust.hang_ups != HANG_UPS:
            return None
        import random

        folder, _, name = url.partition("?")[0].rpartition("/")
        return url, f"{folder}/{random.getrandbits(64):x}.{name.rpartition('.')[2]}"

    def learn(self, origin: str, exchange: Exchange, *, exists: bool) -> None:
        """Note what HEAD said of a file that is there, or of a name that cannot exist."""
        trust = self._hosts.setdefault(origin, _Trust())
        answered = not exchange.trouble and exchange.status
        if exists:
            trust.good = bool(answered and 200 <= exchange.status < 300 and exchange.value("content-length"))
        else:
            trust.honest = bool(answered and exchange.status in (404, 410))
