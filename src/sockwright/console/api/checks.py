"""Runs of the link checker."""

from __future__ import annotations

from typing import Any

from sockwright.console.api import Asked, Operation
from sockwright.errors import ServiceError


def get_checks(asked: Asked) -> dict[str, Any]:
    return {"runs": list(asked.desk.checks())}


def post_check(asked: Asked) -> dict[str, Any]:
    return {"run": asked.desk.start_check(asked.content)}


def get_check(asked: Asked) -> dict[str, Any]:
    found = asked.desk.check(asked.captured["id"])
    if found is None:
        raise ServiceError("there is no such run", code=404)
    return {"run": found}


def delete_check(asked: Asked) -> None:
    asked.desk.stop_check(asked.captured["id"])


OPERATIONS = (
    Operation("GET", "links", get_checks, "Runs of the link checker, the newest first", answer="Runs"),
    Operation(
        "POST", "links", post_check, "Begin to check links", body="Check", answer="Run", status=201, refusals=(403, 503)
    ),
    Operation("GET", "links/{id}", get_check, "One run with what it found", answer="Run", refusals=(404,)),
    Operation("DELETE", "links/{id}", delete_check, "End a run and forget it", status=204, refusals=(404,)),
)
