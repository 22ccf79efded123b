"""Where settings come from, and the only place where "200ms" and "64KiB" exist: everywhere else a duration
is seconds (`float`) and a size bytes (`int`).

Truth in this order: flag > `SOCKWRIGHT_*` environment > `./sockwright.toml` > the user's config file > default.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sockwright.errors import ConfigError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

_DURATION_UNITS = {
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "min": 60.0,
    "h": 3600.0,
    "d": 86400.0,
}
_SIZE_UNITS = {
    "": 1,
    "b": 1,
    "k": 1000,
    "kb": 1000,
    "kib": 1 << 10,
    "m": 10**6,
    "mb": 10**6,
    "mib": 1 << 20,
    "g": 10**9,
    "gb": 10**9,
    "gib": 1 << 30,
}
_QUANTITY = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?|\.[0-9]+)\s*([a-zµ]*)\s*\Z", re.IGNORECASE)


def duration(text: str) -> float:
    """Return the seconds that `text` says: `200ms`, `1.5s`, `5m`, `2h`; a bare number is seconds.

    Raises: ValueError with the forms that are understood.
    """
    found = _QUANTITY.match(text)
    unit = found[2].lower() if found else ""
    if not found or (unit and unit not in _DURATION_UNITS):
        raise ValueError(f"{text!r} is not a duration; write it like 200ms, 1.5s, 5m or 2h")
    return float(found[1]) * _DURATION_UNITS.get(unit, 1.0)


def size(text: str) -> int:
    """Return the bytes that `text` says: `64KiB` (1024), `64kB` (1000), `1MB`; a bare number is bytes.

    Raises: ValueError with the forms that are understood.
    """
    found = _QUANTITY.match(text)
    unit = found[2].lower() if found else "?"
    if not found or unit not in _SIZE_UNITS:
        raise ValueError(f"{text!r} is not a size; write it like 512, 64KiB, 64kB or 1MB")
    return int(float(found[1]) * _SIZE_UNITS[unit])


def duration_text(seconds: float) -> str:
    """Return `seconds` as a person would write them, in a form that `duration` reads back."""
    for unit, worth in (("h", 3600), ("m", 60)):
        if seconds >= 2 * worth and seconds % worth == 0:
            return f"{seconds / worth:.0f}{unit}"
    if seconds >= 1000:
        return f"{seconds:.0f}s"
    if seconds >= 1:
        return f"{seconds:.4g}s"
    return f"{seconds * 1e3:.4g}ms" if seconds >= 0.001 else f"{seconds * 1e6:.0f}us"


def size_text(count: int) -> str:
    """Return `count` bytes as a person would write them, in a form that `size` reads back."""
    for unit, worth in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= worth and count % worth == 0:
            return f"{count // worth}{unit}"
    return str(count)


def overridden(limits: T, changes: Mapping[str, object]) -> T:
    """Return the frozen dataclass `limits` with `changes` by field name; texts are read as durations or sizes.

    A float field is seconds, an int field bytes or a count.

    Raises: ConfigError naming the limit, with the nearest right spelling.
    """
    known = {field.name: field for field in dataclasses.fields(limits)}
    values: dict[str, Any] = {}
    for name, value in changes.items():
        if name not in known:
            raise ConfigError(f"there is no limit {name!r}.{suggest(name, known)}", cure=f"limits: {', '.join(known)}")
        default = getattr(limits, name)
        try:
            if isinstance(value, str):
                value = duration(value) if isinstance(default, float) else size(value)
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise ValueError(f"{value!r} is not a number of at least 0")
        except ValueError as wrong:
            raise ConfigError(f"limit {name}: {wrong}") from None
        values[name] = type(default)(value)
    return dataclasses.replace(limits, **values)


def suggest(word: str, known: Iterable[str]) -> str:
    """Return ` Did you mean ...?` for the known word nearest to `word`, or an empty string."""
    import difflib

    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" Did you mean {found[0]!r}?" if found else ""


@dataclass(frozen=True, slots=True)
class Home:
    """The folders of one user. `SOCKWRIGHT_HOME` moves all three into one place."""

    config: Path
    data: Path
    state: Path


def home(environ: Mapping[str, str] | None = None) -> Home:
    """Return the user's folders; none of them is made by asking."""
    env = os.environ if environ is None else environ
    root = env.get("SOCKWRIGHT_HOME")
    if root:
        base = Path(root).expanduser()
        return Home(base / "config", base / "data", base / "state")
    import platformdirs  # 10 ms that --help need not pay

    dirs = platformdirs.PlatformDirs("sockwright", appauthor=False)
    return Home(dirs.user_config_path, dirs.user_data_path, dirs.user_state_path)


def read_toml(path: Path) -> dict[str, object]:
    """Return the settings in `path`, an empty dict where there is no such file.

    Raises: ConfigError naming the file and the line for what is not TOML or not readable.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as wrong:
        raise ConfigError(f"cannot read {path}: {wrong.strerror}") from None
    import tomllib  # most people have no such file

    try:
        return tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise ConfigError(f"{path} is not TOML: {wrong}", cure="correct that line, or move the file away") from None
