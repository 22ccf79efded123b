"""A plain function's signature makes it a service.

Three ways a protocol can hand over what the peer sent: positional values (XML-RPC, a JSON array), named values
(a JSON object, a query string), or one uncut line (text over TCP and UDP). Whichever it is, it is fitted to the
function's annotations; a misfit is a `ServiceError` that the protocol tells in its own manner.

Two shapes: a *call* (arguments in, a value out) and a *session* (a function that takes a `Session`).
Knows nothing of how a value is written on a wire.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import shlex
import sys
import traceback
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from sockwright.config import suggest
from sockwright.errors import ConfigError, ServiceError
from sockwright.session import BlockingSession, Session

MARK = "__sockwright_service__"


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a protocol hands over: values by position, values by name, or (when not None) one uncut line.

    `textual` values may be converted from strings ("4" fits an int), as from a query string; others must already
    have their type.
    """

    values: Sequence[Any] = ()
    named: Mapping[str, Any] = field(default_factory=dict)
    line: bytes | None = None
    textual: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a call ended that has no value. `message` is meant for the peer, `trace` for the journal alone.

    `code` speaks HTTP's language: 4xx the peer's mistake, 500 the service failed, 503 busy, 504 took too long.
    """

    message: str
    code: int = 422
    trace: str = ""


_POSITIONAL = frozenset({inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD})

# What came of one call: its value, or a Refusal.
Outcome = Any


@dataclass(frozen=True, slots=True)
class _Parameter:
    name: str
    type: Any
    kind: inspect._ParameterKind
    required: bool


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    """One function as a service.

    `name` is how protocols with names call it (`is_even`), `group` the built-in service or module it belongs to
    (`/call/<group>.<function>`). `blocking` services run in workers. `frame` is the framing it asks for where the
    user asks for none. `speaks_first` services are called without arguments when a peer connects, and their answer
    ends the dialogue (RFC 867's manner). `route` is an HTTP method and path that call it too (`GET /people`).
    """

    function: Callable[..., Any]
    name: str
    group: str
    is_session: bool = False
    is_async: bool = False
    blocking: bool = True
    frame: str | None = None
    speaks_first: bool = False
    route: str = ""
    later: bool = False  # its last parameter is a function to be called with the outcome, from any thread
    only: str = ""  # where it makes sense alone: over a "stream", a "datagram", or either, but without names ("line")
    early: bool = False  # a handler that is asked before the content of a request is there
    takes: int | None = None  # bytes of content of a request, None for the protocol's own limit
    parameters: tuple[_Parameter, ...] = ()
    returns: Any = Any
    doc: str = ""

    @property
    def answers(self) -> bool:
        """Tell whether a call has an answer at all: a function annotated `-> None` swallows."""
        return self.returns is not None and self.returns is not type(None)

    def fit(self, arguments: Arguments) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """Return positional and named arguments that fit the signature.

        Raises: ServiceError (code 400 or 422) saying which parameter does not fit and why.
        """
        if arguments.line is not None:
            return self.fit_line(arguments.line), {}
        return self._from_values(arguments)

    def fit_line(self, line: bytes) -> Sequence[Any]:
        """Return the arguments that one uncut line makes. Raises: ServiceError, as `fit`."""
        if len(self.parameters) == 1:
            only = self.parameters[0]
            if only.type is bytes:
                return (line,)
            text = _text(line)
            if only.kind is inspect.Parameter.VAR_POSITIONAL:
                return [_convert(word, only, textual=True) for word in _words(text)]
            return (_from_text(text, only),)
        if not self.parameters:
            return ()
        words = _words(_text(line))
        args, _ = self._from_values(Arguments(values=words, textual=True))
        return args

    def _from_values(self, arguments: Arguments) -> tuple[Sequence[Any], Mapping[str, Any]]:
        values = arguments.values
        if len(values) == 1 == len(self.parameters) and not arguments.named:
            only = self.parameters[0]
            if type(values[0]) is only.type and only.kind in _POSITIONAL:  # it fits as it is: the hot path
                return values, {}
        args: list[Any] = []
        named: dict[str, Any] = {}
        values = list(values)
        left = dict(arguments.named)
        for parameter in self.parameters:
            if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
                args += [_convert(value, parameter, arguments.textual) for value in values]
                values = []
            elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
                named |= {key: _convert(value, parameter, arguments.textual) for key, value in left.items()}
                left = {}
            elif values and parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
                if parameter.name in left:
                    raise ServiceError(f"{self.name}: {parameter.name!r} is given twice", code=400)
                args.append(_convert(values.pop(0), parameter, arguments.textual))
            elif parameter.name in left and parameter.kind is not inspect.Parameter.POSITIONAL_ONLY:
                named[parameter.name] = _convert(left.pop(parameter.name), parameter, arguments.textual)
            elif parameter.required:
                raise ServiceError(f"{self.name}: {parameter.name!r} is missing; it takes {self.usage}", code=422)
        if values:
            count = len(arguments.values)
            raise ServiceError(f"{self.name}: {count} values came; it takes {self.usage}", code=422)
        if left:
            name = next(iter(left))
            known = [parameter.name for parameter in self.parameters]
            raise ServiceError(
                f"{self.name}: there is no {name!r}.{suggest(name, known)} It takes {self.usage}", code=422
            )
        return args, named

    @property
    def usage(self) -> str:
        """The parameters in words, `(n: int)`; `nothing` where there are none."""
        if not self.parameters:
            return "nothing"
        shown = (f"{p.name}: {type_name(p.type)}" + ("" if p.required else "?") for p in self.parameters)
        return f"({', '.join(shown)})"


def type_name(annotation: Any) -> str:
    """Return an annotation as a person would write it."""
    if annotation is Any:
        return "anything"
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return annotation.__name__
    return str(annotation).replace("typing.", "")


def _text(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as wrong:
        raise ServiceError(f"byte {wrong.start} (0x{line[wrong.start]:02x}) is not UTF-8", code=400) from None


def _words(text: str) -> list[str]:
    if '"' not in text and "'" not in text:
        return text.split()
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()  # an apostrophe that is no quotation mark: don't


def _from_text(text: str, parameter: _Parameter) -> Any:
    """Fit one uncut text to one parameter: itself, a number, a list of words, or JSON for what has structure."""
    wanted = parameter.type
    if wanted is str or wanted is Any:
        return text
    stripped = text.strip()
    if wanted is int or wanted is float or wanted is bool:  # the commonest: no need to ask for their origin
        return _convert(stripped, parameter, textual=True)
    origin = typing.get_origin(wanted) or wanted
    if origin in (list, tuple, set, frozenset, Sequence, Iterable) and not stripped.startswith("["):
        return _convert(_words(text), parameter, textual=True)
    if isinstance(origin, type) and issubclass(origin, bool | int | float | str):
        return _convert(stripped, parameter, textual=True)
    try:
        value = msgspec.json.decode(stripped)
    except msgspec.DecodeError:
        return _convert(stripped, parameter, textual=True)
    return _convert(value, parameter, textual=False)


def _convert(value: Any, parameter: _Parameter, textual: bool) -> Any:
    wanted = parameter.type
    if wanted is Any or type(value) is wanted:
        return value
    try:
        if wanted is bool and textual and isinstance(value, str) and value.lower() in {"true", "false", "1", "0"}:
            return value.lower() in {"true", "1"}
        return msgspec.convert(value, wanted, strict=not textual)
    except msgspec.ValidationError as wrong:
        shown = repr(value)
        shown = shown if len(shown) <= 60 else shown[:57] + "..."
        raise ServiceError(
            f"{parameter.name!r} wants {type_name(wanted)}, and {shown} does not fit: {wrong}", code=422
        ) from None
    except TypeError:
        return value  # an annotation msgspec does not know; the function itself must judge


def attempt(service: Service, arguments: Arguments) -> Outcome:
    """Call `service` here and now, and return its value, or the Refusal that it ended in.

    The user's code is caught as a whole: whatever it raises becomes a Refusal with the traceback for the journal.
    """
    try:
        args, named = service.fit(arguments)
        return service.function(*args, **named)
    except ServiceError as refused:
        return Refusal(str(refused), refused.code)
    except Exception as failed:  # noqa: BLE001 - somebody else's code
        return failure(failed)


def failure(failed: BaseException) -> Refusal:
    """Return the Refusal for a service that raised `failed`."""
    if isinstance(failed, ServiceError):
        return Refusal(str(failed), failed.code)
    kind = type(failed).__name__
    words = f"{kind}: {failed}" if str(failed) else kind
    return Refusal(f"the service failed: {words}", 500, "".join(traceback.format_exception(failed)))


@dataclass(frozen=True, slots=True)
class _Mark:
    options: Mapping[str, Any]


def service(
    *,
    name: str = "",
    blocking: bool = True,
    frame: str | None = None,
    speaks_first: bool = False,
    route: str = "",
    only: str = "",
    later: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Say more of a service than its signature does; see `Service` for each word. The function stays as it is."""

    def mark(function: Callable[..., Any]) -> Callable[..., Any]:
        options = dict(name=name, blocking=blocking, frame=frame, speaks_first=speaks_first, route=route, only=only)
        options["later"] = later
        setattr(function, MARK, _Mark(options))
        return function

    return mark


def service_of(function: Callable[..., Any], group: str = "") -> Service:
    """Return the service that `function` is by its signature (and its `@service` mark, where it has one).

    Raises: ConfigError where the signature cannot be one of a service.
    """
    mark = getattr(function, MARK, None)
    options = dict(mark.options) if isinstance(mark, _Mark) else {}
    name = options.pop("name", "") or getattr(function, "__name__", type(function).__name__)
    try:
        signature = inspect.signature(function)
        target = function if inspect.isroutine(function) or inspect.isclass(function) else type(function).__call__
        try:
            hints = typing.get_type_hints(target)
        except (NameError, TypeError):
            hints = {}
    except (ValueError, TypeError):
        raise ConfigError(f"{name} has no signature that can be read; wrap it in a def") from None
    parameters: list[_Parameter] = []
    is_session = False
    for parameter in signature.parameters.values():
        wanted = hints.get(parameter.name, Any)
        if wanted in (Session, BlockingSession) or (wanted is Any and parameter.name == "session"):
            is_session = True
            continue
        required = parameter.default is parameter.empty and parameter.kind not in (
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
        )
        parameters.append(_Parameter(parameter.name, wanted, parameter.kind, required))
    if is_session and any(parameter.required for parameter in parameters):
        extra = ", ".join(parameter.name for parameter in parameters if parameter.required)
        raise ConfigError(f"{name} takes a Session, so it can take nothing else, but it asks for {extra} too")
    if options.get("later"):
        parameters.pop()
    is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - its kind is asked, not whether it is there
    )
    if not parameters and not is_session:
        options["speaks_first"] = True
    return Service(
        function=function,
        name=name,
        group=group or getattr(function, "__module__", "") or name,
        is_session=is_session,
        is_async=is_async,
        parameters=() if is_session else tuple(parameters),
        returns=hints.get("return", Any),
        doc=inspect.getdoc(function) or "",
        **options,
    )


def load(target: str) -> Service:
    """Return the service that `module:function` or `path.py:function` names.

    Raises: ConfigError naming what is missing and what is there instead.
    """
    found = find(target)
    if not callable(found):
        raise ConfigError(f"{target} is {type(found).__name__}, not a function")
    place = target.rpartition(":")[0]
    return service_of(found, group=Path(place).stem if place.endswith(".py") else place.rpartition(".")[2])


def find(target: str) -> Any:
    """Return what `module:name` or `path.py:name` names, whatever it is; `name` may have dots.

    Raises: ConfigError as `load`.
    """
    place, colon, name = target.rpartition(":")
    if not colon or not place or not name:
        raise ConfigError(
            f"{target!r} names no function", cure="write it like module:function or path/to/file.py:function"
        )
    module = _load_file(Path(place)) if place.endswith(".py") else _load_module(place)
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
            cure = f"there are: {', '.join(known[:8])}" if known else "it defines no function"
            raise ConfigError(f"{place} has no {name!r}.{suggest(name, known)}", cure=cure)
        found = getattr(found, part)
    return found


# Files that were loaded: several functions of one file share its state.
_files: dict[Path, types.ModuleType] = {}


def _load_file(path: Path) -> types.ModuleType:
    if not path.is_file():
        raise ConfigError(f"there is no file {str(path)!r}", cure="the path counts from the working directory")
    shown, path = str(path), path.resolve()
    if path in _files:
        return _files[path]
    folder, name = path.parent, path.stem
    if (folder / "__init__.py").is_file():  # part of a package: it may import its neighbours relatively
        while (folder / "__init__.py").is_file():
            folder, name = folder.parent, f"{folder.name}.{name}"
        _look_in(folder)
        _files[path] = module = _load_module(name.removesuffix(".__init__"))
        return module
    spec = importlib.util.spec_from_file_location(name, path)
    loader = spec.loader if spec is not None else None
    assert spec is not None
    assert loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(name, module)
    _look_in(folder)  # so that it finds its neighbours, as `python path.py` would
    _execute(lambda: loader.exec_module(module), shown)
    _files[path] = module
    return module


def _look_in(folder: Path) -> None:
    """Let modules be found in `folder`."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _load_module(name: str) -> types.ModuleType:
    if not all(name.split(".")):
        raise ConfigError(f"{name!r} is no module", cure="write it like package.module:function")
    if "" not in sys.path:
        _look_in(Path.cwd())  # as `python -m` would
    loaded: list[types.ModuleType] = []
    _execute(lambda: loaded.append(importlib.import_module(name)), name)
    return loaded[0]


def _execute(run: Callable[[], object], what: str) -> None:
    """Run somebody's module, here called `what`."""
    try:
        run()
    except ModuleNotFoundError as missing:
        if missing.name and f"{what}.".startswith(f"{missing.name}."):  # itself, or a package that it would be in
            raise ConfigError(
                f"there is no module {what!r}",
                cure=f"for a file write {what.replace('.', '/')}.py:function; modules are looked for in the working "
                "directory and the installed packages",
            ) from None
        package = str(missing.name).partition(".")[0]
        raise ConfigError(
            f"{what} imports {missing.name!r}, which is not installed here",
            cure=f"there is a {package}, but nothing of that name in it"
            if package in sys.modules
            else f"install it beside sockwright: {sys.executable} -m pip install {package}",
        ) from None
    except SystemExit as left:
        raise ConfigError(
            f"{what} ended the program while it was loaded: sys.exit({left.code!r})",
            cure="what it runs must not stand at the top of the module; put it under `if __name__ == '__main__':`",
        ) from None
    except Exception as failed:  # noqa: BLE001 - somebody else's code
        raise _broken(what, failed) from None


def _broken(what: str, failed: Exception) -> ConfigError:
    if isinstance(failed, SyntaxError):
        place = f"in {failed.filename}, line {failed.lineno}"
    else:
        last = traceback.extract_tb(failed.__traceback__)[-1]
        place = f"in {last.filename}, line {last.lineno}"
    return ConfigError(f"{what} cannot be loaded: {type(failed).__name__}: {failed}", cure=place)
