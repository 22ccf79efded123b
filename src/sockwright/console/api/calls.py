"""Calling somebody, and saying again what somebody said."""

from __future__ import annotations

from typing import Any

from sockwright.console.api import Asked, Operation, Parameter
from sockwright.console.api.connections import opened
from sockwright.errors import ServiceError
from sockwright.journal.transcript import Transcript

FORMS = ("sockwright", "nc", "curl", "python")


def post_call(asked: Asked) -> dict[str, Any]:
    return asked.desk.call(asked.content)


def _transcript(asked: Asked) -> Transcript:
    with opened(asked.desk) as source:
        return source.transcript(source.connection(asked.number))


def get_composed(asked: Asked) -> dict[str, Any]:
    composed = asked.desk.composed(_transcript(asked))
    if composed is None:
        raise ServiceError("what was said here cannot be said again as one call", code=404)
    return composed


def get_copy(asked: Asked) -> dict[str, Any]:
    form = asked.query["as"]
    text = asked.desk.copy(_transcript(asked), form)
    if text is None:
        raise ServiceError(f"{form} cannot say this again", code=404)
    return {"text": text}


OPERATIONS = (
    Operation("POST", "call", post_call, "Call somebody", body="Call", answer="Called", refusals=(403, 503)),
    Operation(
        "GET",
        "connections/{number}/composed",
        get_composed,
        "What the client said, as a call that says it again",
        answer="Call",
        refusals=(404,),
    ),
    Operation(
        "GET",
        "connections/{number}/copy",
        get_copy,
        "The same as a command to paste",
        (Parameter("as", default="sockwright", doc="For which tool", choices=FORMS),),
        answer="Copy",
        refusals=(404,),
    ),
)
