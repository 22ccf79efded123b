"""Dice: which of many a fault hits, where it was set for a share of them.

One throw says how many are spared before the next one is hit (they are spread geometrically), so those in between
cost no throw. In a connection with the same seed the same ones are hit again.
"""

from __future__ import annotations

from math import log1p
from random import Random


class Dice:
    """Hit a share of what comes, 0 < `share` <= 1. `count`: how many came; `left`: so many more are spared for sure."""

    __slots__ = ("_is_thrown", "_share", "count", "left")

    def __init__(self, share: float) -> None:
        self._share = share
        self._is_thrown = False
        self.count = self.left = 0

    def spares(self, chance: Random) -> bool:
        """Tell whether the next one is spared; if so it counts as gone, if not nothing has changed."""
        if not self._is_thrown:
            self._is_thrown = True
            self.left = self.throw(chance)
        if not self.left:
            return False
        self.left -= 1
        self.count += 1
        return True

    def hit(self, chance: Random) -> bool:
        """Tell whether the next one is hit; it counts as gone."""
        if self.spares(chance):
            return False
        self._is_thrown = False
        self.count += 1
        return True

    def throw(self, chance: Random) -> int:
        """Draw how many are spared before the next one is hit."""
        return 0 if self._share >= 1 else int(log1p(-chance.random()) / log1p(-self._share))
