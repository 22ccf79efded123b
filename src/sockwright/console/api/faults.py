"""Faults: which are set where, which there are, setting and healing."""

from __future__ import annotations

from typing import Any

from sockwright.console.api import Asked, Operation, Parameter


def get_faults(asked: Asked) -> dict[str, Any]:
    return {"places": list(asked.desk.faults()), **asked.desk.fault_catalogue()}


def post_faults(asked: Asked) -> dict[str, Any]:
    changes = list(asked.desk.break_(asked.content))
    asked.feed.tell("faults", list(asked.desk.faults()))
    return {"changes": changes}


def delete_faults(asked: Asked) -> dict[str, Any]:
    changes = list(asked.desk.heal(asked.query["name"]))
    asked.feed.tell("faults", list(asked.desk.faults()))
    return {"changes": changes}


OPERATIONS = (
    Operation("GET", "faults", get_faults, "Which faults are set where, and which there are", answer="Faults"),
    Operation("POST", "faults", post_faults, "Set faults", body="Break", answer="Changes"),
    Operation(
        "DELETE",
        "faults",
        delete_faults,
        "Take faults away",
        (Parameter("name", default="*", doc="A service, an endpoint, a port, or * for all"),),
        answer="Changes",
    ),
)
