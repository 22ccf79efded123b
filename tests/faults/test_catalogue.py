"""The catalogue that a page makes its form from: complete, true, and plain JSON."""

from __future__ import annotations

import json

import pytest

from sockwright.errors import ConfigError
from sockwright.faults import FAULTS, kind
from sockwright.faults.catalogue import catalogue, compose
from sockwright.faults.plan import setting

ALL = sorted(FAULTS)


def test_it_is_plain_and_names_every_fault_once() -> None:
    told = json.loads(json.dumps(catalogue()))
    assert [one["name"] for one in told["faults"]] == list(FAULTS)
    assert {one["name"] for one in told["profiles"]} >= {"gprs", "edge", "3g", "dsl", "wifi", "starlink", "satellite"}


@pytest.mark.parametrize("name", ALL)
def test_what_a_form_composes_is_understood(name: str) -> None:
    parameters = kind(name).parameters
    setting(compose(name, [(one, one.example) for one in parameters]))
    setting(compose(name, [(one, one.example if one.needed else "") for one in parameters]))
    for left_out in parameters:
        text = compose(name, [(one, "" if one is left_out else one.example) for one in parameters])
        if left_out.needed:
            with pytest.raises(ConfigError):
                setting(text)
        else:
            setting(text)


UNITS = {"duration": "s", "share": "", "rate": "/s", "bytes": "", "count": "", "code": ""}


@pytest.mark.parametrize("name", ALL)
def test_what_is_out_of_range_is_refused(name: str) -> None:
    parameters = kind(name).parameters
    for wrong in parameters:
        unit = UNITS.get(wrong.type, "")
        values = ["parsecs"] if wrong.type not in ("text", "choice") else ["", "?!"]
        values += [
            f"{bound:g}{unit}" for bound in (wrong.most and wrong.most * 2, wrong.least and wrong.least - 1) if bound
        ]
        for value in values:
            if value == "" and not wrong.needed:
                continue
            text = compose(name, [(one, value if one is wrong else one.example) for one in parameters])
            with pytest.raises(ConfigError):
                setting(text)
