"""Kinds of values that options of several verbs take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    FloatType = click.ParamType[float]
    StrType = click.ParamType[str]
else:  # not generic before click 8.4
    FloatType = StrType = click.ParamType


class Duration(FloatType):
    """Seconds, as a person writes them: 200ms, 1.5s, 5m."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from sockwright.config import duration

        try:
            return duration(str(value))
        except ValueError as wrong:
            self.fail(str(wrong), param, ctx)


DURATION = Duration()


class Framing(StrType):
    """The name of a framing."""

    name = "framing"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from sockwright.errors import ConfigError
        from sockwright.wire.framing import framing

        try:
            framing(str(value))
        except ConfigError as wrong:
            self.fail(f"{wrong}; {wrong.cure}", param, ctx)
        return str(value)


FRAMING = Framing()
