"""Durations, sizes, limits and folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sockwright import config
from sockwright.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("200ms", 0.2), ("1.5s", 1.5), ("5m", 300), ("2h", 7200), ("3", 3), (".5", 0.5), ("10us", 1e-5), ("1 min", 60)],
)
def test_durations(text: str, seconds: float) -> None:
    assert config.duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "count"),
    [("64KiB", 65536), ("64kB", 64000), ("1MB", 10**6), ("512", 512), ("1.5k", 1500), ("1 GiB", 1 << 30)],
)
def test_sizes(text: str, count: int) -> None:
    assert config.size(text) == count


@pytest.mark.parametrize("text", ["", "fast", "5 parsecs", "-1s", "1s2", "٣s", "1e3"])
def test_what_is_no_quantity_says_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match="write it like"):
        config.duration(text)
    with pytest.raises(ValueError, match="write it like"):
        config.size(text)


@given(st.integers(0, 1 << 40))
def test_a_size_reads_back(count: int) -> None:
    assert config.size(config.size_text(count)) == count


@given(st.floats(1e-6, 1e6))
def test_a_duration_reads_back(seconds: float) -> None:
    assert config.duration(config.duration_text(seconds)) == pytest.approx(seconds, rel=0.01, abs=1e-6)


@dataclass(frozen=True)
class Limits:
    wait: float = 5.0
    most: int = 10


def test_limits_are_overridden_by_name_and_in_words() -> None:
    assert config.overridden(Limits(), {"wait": "200ms", "most": "1k"}) == Limits(0.2, 1000)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"wiat": 1}, "there is no limit 'wiat'. Did you mean 'wait'?"),
        ({"most": -1}, "limit most: -1 is not a number of at least 0"),
        ({"most": True}, "limit most: True is not a number"),
        ({"wait": "soon"}, "limit wait: 'soon' is not a duration"),
    ],
)
def test_limits_that_make_no_sense_are_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        config.overridden(Limits(), changes)
    assert words in str(refused.value)


def test_home_moves_everything(tmp_path: Path) -> None:
    home = config.home({"SOCKWRIGHT_HOME": str(tmp_path)})
    assert all(folder.is_relative_to(tmp_path) for folder in (home.config, home.data, home.state))
    assert not any(tmp_path.iterdir())


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    file = tmp_path / "sockwright.toml"
    assert config.read_toml(file) == {}
    file.write_text("[up\n")
    with pytest.raises(ConfigError, match="is not TOML"):
        config.read_toml(file)
