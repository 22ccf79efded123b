"""Parity: the lecture's call over XML-RPC, here over any protocol."""

from __future__ import annotations

from collections.abc import Sequence

from sockwright.binding import Service, service, service_of
from sockwright.services import Context


@service(blocking=False)
def is_even(n: int) -> bool:
    """Tell whether n can be halved without a rest."""
    return n % 2 == 0


def offer(context: Context) -> Sequence[Service]:
    return (service_of(is_even, "parity"),)
