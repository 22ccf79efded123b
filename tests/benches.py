"""A bench that stands for a test, and clients that trust its certificates."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sockwright.transport import tls
from sockwright.workbench import BenchThread


@contextmanager
def standing(**options: Any) -> Iterator[BenchThread]:
    """Run a bench; fail where it met a mistake of its own."""
    with BenchThread(**options) as running:
        yield running
    bugs = [words for words in running.troubles if "mistake in sockwright" in words]
    assert not bugs, bugs


def trusting() -> ssl.SSLContext:
    """Return what trusts our local CA, as a program that was told of it does."""
    return ssl.create_default_context(cafile=str(tls.ensure_ca()))
