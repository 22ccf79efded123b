"""Where an option's value may come from when nobody types it: the environment, then two files.

    flag > SOCKWRIGHT_<VERB>_<FLAG> > SOCKWRIGHT_<FLAG> > ./sockwright.toml > the user's sockwright.toml > default

In a file `[serve] idle = "5m"` is for one verb, `idle = "5m"` above all tables for every verb that has the flag;
a verb with verbs of its own has tables of its own (`[log.list]`). A key that nothing understands is an error.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from sockwright import config
from sockwright.errors import ConfigError

FILE = "sockwright.toml"
PREFIX = "SOCKWRIGHT"
# Variables that are no options.
OTHERS = frozenset({"SOCKWRIGHT_HOME", "SOCKWRIGHT_LOOP"})

# Tables that belong to no verb; who reads them checks them (`flags.from_table`).
TABLES = frozenset({"faults"})

Loader = Callable[[str], click.Command]  # verb -> its command


def flags_of(command: click.Command) -> dict[str, click.Option]:
    """Return the options that can be set elsewhere, by the name of their flag without its dashes."""
    found: dict[str, click.Option] = {}
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.is_eager:
            name = max(parameter.opts, key=len)
            if name.startswith("--"):
                found[name[2:]] = parameter
    return found


def leaves(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield the commands below `command` that have options to be set, each with the words that name it."""
    yield path, command
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from leaves(below, (*path, name))


def variables(path: tuple[str, ...], flag: str) -> list[str]:
    """Return the variables that set `flag` of the command at `path`, the closest first."""
    word = flag.upper().replace("-", "_")
    scopes = ["_".join((PREFIX, *path[:depth])).upper().replace("-", "_") for depth in range(len(path), -1, -1)]
    return [f"{scope}_{word}" for scope in scopes]


def name_variables(command: click.Command, verb: str) -> None:
    """Let every option of a verb be set by its variables."""
    for path, below in leaves(command, (verb,)):
        for flag, option in flags_of(below).items():
            if option.envvar is None:
                option.envvar = variables(path, flag)


@dataclass(frozen=True)
class File:
    """One file of settings."""

    path: Path
    tables: Mapping[str, Any] = field(default_factory=dict)

    def value(self, path: tuple[str, ...], flag: str) -> Any:
        """Return what the file says of `flag` for the command at `path`, None where it says nothing."""
        for depth in range(len(path), -1, -1):
            table: Any = self.tables
            for name in path[:depth]:
                table = table.get(name) if isinstance(table, Mapping) else None
            if not isinstance(table, Mapping):
                continue
            for spelling in (flag, flag.replace("-", "_")):
                if spelling in table and not isinstance(table[spelling], Mapping):
                    return table[spelling]
        return None


def paths() -> list[Path]:
    """Return where the files are looked for, the one that outweighs the other first."""
    return [Path(FILE), config.home().config / FILE]


def files() -> list[File]:
    """Return the files that there are. Raises: ConfigError for one that is not TOML."""
    return [File(path, config.read_toml(path)) for path in paths() if path.is_file()]


def check(file: File, verbs: Mapping[str, object], load: Loader) -> None:
    """Look at every key of `file`.

    Raises: ConfigError naming file, key and the nearest right one.
    """
    commands = {verb: load(verb) for verb in verbs}
    everywhere = {flag for verb, top in commands.items() for _, each in leaves(top, (verb,)) for flag in flags_of(each)}
    for key, value in file.tables.items():
        if key in TABLES:
            continue
        if key in commands and isinstance(value, Mapping):
            _check_table(file, commands[key], (key,), value)
        elif key.replace("_", "-") not in everywhere or isinstance(value, Mapping):
            raise _unknown(file, key, () if not isinstance(value, Mapping) else (key,), [*commands, *everywhere])


def _check_table(file: File, command: click.Command, path: tuple[str, ...], table: Mapping[str, Any]) -> None:
    below = dict(command.commands) if isinstance(command, click.Group) else {}
    known = {flag for _, each in leaves(command, path) for flag in flags_of(each)}
    for key, value in table.items():
        if isinstance(value, Mapping):
            if key not in below:
                raise _unknown(file, key, (*path, key), below)
            _check_table(file, below[key], (*path, key), value)
        elif key.replace("_", "-") not in known:
            raise _unknown(file, key, path, known)


def _unknown(file: File, key: str, path: tuple[str, ...], known: Any) -> ConfigError:
    place = f" [{'.'.join(path)}]" if path else ""
    what = "table" if path and path[-1] == key else "setting"
    cure = f"there are: {', '.join(sorted(known))}" if len(list(known)) <= 30 else "sockwright config show lists them"
    return ConfigError(
        f"{file.path}{place if what == 'setting' else ''}: there is no {what} {key!r}.{config.suggest(key, known)}",
        cure=cure,
    )


def default_map(command: click.Command, verb: str, verbs: Mapping[str, object], load: Loader) -> dict[str, Any]:
    """Return what the files say of a verb's options, in click's form.

    Raises: ConfigError for a key or value that makes no sense, naming its file.
    """
    found = files()
    for file in found:
        check(file, verbs, load)
    return _map_of(command, (verb,), found) if found else {}


def _map_of(command: click.Command, path: tuple[str, ...], found: list[File]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for flag, option in flags_of(command).items():
        for file in found:
            value = file.value(path, flag)
            if value is not None:
                values[option.name or flag] = _checked(command, option, value, file, flag)
                break
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            values[name] = _map_of(below, (*path, name), found)
    return values


def _checked(command: click.Command, option: click.Option, value: Any, file: File, flag: str) -> Any:
    if option.is_flag and not isinstance(value, bool):
        raise ConfigError(f"{file.path}: {flag} = {value!r} is not true or false")
    if not option.is_flag and not isinstance(value, list):
        if isinstance(value, bool):
            raise ConfigError(f"{file.path}: {flag} = {str(value).lower()}, and a value is wanted, as for --{flag}")
        value = str(value)
    try:
        option.type_cast_value(click.Context(command), value)
    except click.BadParameter as wrong:
        raise ConfigError(f"{file.path}: {flag} = {value!r}: {wrong.message}") from None
    return value


@dataclass(frozen=True)
class Setting:
    """One option's value, and where it comes from: a variable's name, a file's path, or "default"."""

    path: tuple[str, ...]
    flag: str
    value: Any
    source: str

    @property
    def key(self) -> str:
        return ".".join((*self.path, self.flag))


def settings(verb: str, command: click.Command, found: list[File]) -> Iterator[Setting]:
    """Yield every setting of a verb as it would count now, without any flag."""
    for path, below in leaves(command, (verb,)):
        for flag, option in flags_of(below).items():
            yield _setting(path, flag, option, found)


def _setting(path: tuple[str, ...], flag: str, option: click.Option, found: list[File]) -> Setting:
    for name in variables(path, flag):
        if os.environ.get(name):
            return Setting(path, flag, os.environ[name], name)
    for file in found:
        value = file.value(path, flag)
        if value is not None:
            return Setting(path, flag, value, str(file.path))
    value = option.default
    if option.is_flag and not isinstance(value, bool):
        value = False
    # click marks "no default" by a value of its own that has no public name.
    plain = value is None or isinstance(value, str | int | float | bool | list | tuple)
    return Setting(path, flag, value if plain else None, "default")


def unknown_variables(verbs: Mapping[str, object], load: Loader) -> list[str]:
    """Return the `SOCKWRIGHT_*` variables that set nothing: most likely misspelt."""
    known = set(OTHERS)
    for verb in verbs:
        for path, below in leaves(load(verb), (verb,)):
            for flag in flags_of(below):
                known.update(variables(path, flag))
    return sorted(name for name in os.environ if name.startswith(PREFIX + "_") and name not in known)
