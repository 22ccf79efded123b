"""A person's own functions, for `sockwright serve tcp://... --do lines.py:NAME`: the same answer, once in a worker
thread (a plain function may block), once inline in the loop (it says that it does not)."""

from __future__ import annotations

from sockwright.binding import service


def repeat(line: str) -> str:
    """Return the line; for all that anybody knows, after a while."""
    return line


@service(blocking=False)
def repeat_inline(line: str) -> str:
    """Return the line at once."""
    return line
