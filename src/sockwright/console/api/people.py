"""Who is connected."""

from __future__ import annotations

from typing import Any

from sockwright.console.api import Asked, Operation
from sockwright.console.desk import People
from sockwright.errors import ServiceError


def _people(asked: Asked) -> People:
    people = asked.desk.people
    if people is None:
        raise ServiceError("nobody can connect as a person here: this bench has no `people`", code=404)
    return people


def get_people(asked: Asked) -> dict[str, Any]:
    return {"people": list(_people(asked).everybody())}


def delete_person(asked: Asked) -> None:
    _people(asked).dismiss(asked.number)


OPERATIONS = (
    Operation("GET", "people", get_people, "Who is connected", answer="People", refusals=(404, 503)),
    Operation("DELETE", "people/{number}", delete_person, "Let one go", status=204, refusals=(404, 503)),
)
