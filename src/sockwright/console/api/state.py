"""What the bench is and where it listens."""

from __future__ import annotations

from typing import Any

from sockwright.console.api import Asked, Operation


def get_state(asked: Asked) -> dict[str, Any]:
    return {**asked.desk.state(), "sequence": asked.feed.last}


OPERATIONS = (Operation("GET", "state", get_state, "What the bench is and where it listens", answer="State"),)
