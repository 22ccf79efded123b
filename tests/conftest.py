"""What all tests share."""

from __future__ import annotations

from collections.abc import Callable

import hypothesis
import pytest
from tests import strangers

# How long an example takes says something of the machine, not of the code.
hypothesis.settings.register_profile("sockwright", deadline=None)
hypothesis.settings.load_profile("sockwright")


@pytest.fixture(scope="session")
def stranger() -> Callable[[str], str]:
    """`stranger("curl")` returns curl's path, or skips the test naming its package (on CI it fails)."""
    return strangers.find


def pytest_runtest_setup(item: pytest.Item) -> None:
    """`@pytest.mark.stranger("curl", "tshark")` does the same before the test starts."""
    for mark in item.iter_markers("stranger"):
        for name in mark.args:
            strangers.find(name)
