"""What every verb does the same way: exit codes, where output goes, how an error reads.

Data goes to stdout, remarks to stderr. An error names its cause and its cure in at most three lines.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Iterable
from typing import IO, Any

import click

from sockwright.errors import ConfigError, PeerError, ServiceError
from sockwright.wire.visible import visible_lines

OK = 0
WRONG = 1  # the answer or the check was wrong
USAGE = 2  # usage or config
UNREACHABLE = 3  # cannot connect or bind
DEADLINE = 4
BROKEN_OFF = 5  # the peer broke off or broke the protocol
INTERRUPTED = 130  # Ctrl-C


class Stop(Exception):
    """End the verb with `code`, after saying `message` (and `cure`) on stderr."""

    def __init__(self, code: int, message: str = "", cure: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.cure = cure


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ` Did you mean ...?` for the known word nearest to `word`, or an empty string."""
    import difflib  # as with json: not for a verb that goes well

    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" Did you mean {found[0]!r}?" if found else ""


def colours(stream: IO[str]) -> bool:
    """Tell whether colour may go to `stream`: a terminal, and nobody said no (NO_COLOR, TERM=dumb)."""
    if os.environ.get("FORCE_COLOR"):
        return True
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def emit(value: Any) -> None:
    """Print one JSON object on a line of its own on stdout (`--json`)."""
    import json

    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def remark(text: str) -> None:
    """Say something about the work on stderr."""
    click.echo(text, err=True, color=colours(sys.stderr) or None)


def complain(message: str, cure: str = "") -> None:
    """Say what went wrong and what to do about it, on stderr. Foreign words in it cannot control the terminal."""
    message, cure = visible_lines(message), visible_lines(cure)
    word = click.style("error:", fg="red", bold=True) if colours(sys.stderr) else "error:"
    remark(f"{word} {message}")
    if cure:
        remark(f"  {cure}")


def run(command: click.Command, args: list[str] | None = None) -> int:
    """Run `command` on `args` (default: `sys.argv`) and return the exit code."""
    try:
        code = command.main(args=args, prog_name="sockwright", standalone_mode=False)
        return code if isinstance(code, int) else OK
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except click.ClickException as wrong:
        _show_usage(wrong)
        return USAGE
    except Stop as stop:
        if str(stop):
            complain(str(stop), stop.cure)
        return stop.code
    except ConfigError as wrong:
        complain(str(wrong), wrong.cure)
        return USAGE
    except ServiceError as refusal:
        complain(str(refusal))
        return WRONG
    except PeerError as broken:
        complain(f"the peer broke the protocol: {broken}")
        return BROKEN_OFF
    except BrokenPipeError:
        # Whoever read our stdout has seen enough (`| head`). Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE if hasattr(signal, "SIGPIPE") else WRONG
    except (ConnectionRefusedError, TimeoutError, OSError) as trouble:
        return _network(trouble)


def _show_usage(wrong: click.ClickException) -> None:
    complain(wrong.format_message())
    if isinstance(wrong, click.BadParameter) and (variable := _variable_of(wrong)):
        remark(f"  it comes from the environment: {variable}={os.environ[variable]!r}")
    elif isinstance(wrong, click.UsageError) and wrong.ctx is not None:
        remark(f"  {wrong.ctx.command_path} --help shows examples")


def _variable_of(wrong: click.BadParameter) -> str:
    """Return the variable that the bad value comes from, "" where somebody typed it."""
    ctx, param = wrong.ctx, wrong.param
    if ctx is None or param is None or param.name is None:
        return ""
    if ctx.get_parameter_source(param.name) is not click.core.ParameterSource.ENVIRONMENT:
        return ""
    names = [param.envvar] if isinstance(param.envvar, str) else param.envvar or ()
    return next((name for name in names if os.environ.get(name)), "")


def _network(trouble: OSError) -> int:
    complain(str(trouble) if trouble.errno is None else f"{trouble.strerror or trouble}")
    if isinstance(trouble, TimeoutError):
        return DEADLINE
    if isinstance(trouble, ConnectionResetError | ConnectionAbortedError):
        return BROKEN_OFF
    # Names that are not known and TLS that fails; their modules are loaded only where they can have been raised.
    if type(trouble).__name__ in ("gaierror", "SSLError", "SSLCertVerificationError"):
        return UNREACHABLE
    if isinstance(trouble, ConnectionError) or trouble.errno in {
        errno.EADDRINUSE,
        errno.EADDRNOTAVAIL,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.EACCES,
    }:
        return UNREACHABLE
    return USAGE
