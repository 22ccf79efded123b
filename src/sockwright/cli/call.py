"""`call`: a client for each scheme. How each one talks stands in `call_<scheme>`."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from sockwright.cli import manners
from sockwright.cli.kinds import DURATION, FRAMING

if TYPE_CHECKING:
    from sockwright.endpoint import Endpoint

EXAMPLES = """\b
URL without a scheme is http (:8080 is http://127.0.0.1:8080).
Standard input is sent where it is piped and no DATA is given, or for -.
Over tcp the text goes out with a line end, then we half-close and
show what comes until the peer hangs up.

\b
tcp, udp:
  sockwright call tcp://:7007 hello
  sockwright call tcp://:7007 --hex 00ff10 -v
  sockwright call tcp://:7007 hello --split 2 --gap 50ms
  sockwright call 'tcp://:7007?frame=len2' one --repeat 3
  sockwright call tcp://:7019 -i
  echo hello | sockwright call udp://:7007
  sockwright call tcp+tls://:9443 hello --ca ca.pem

\b
http: [METHOD] URL [Field:value] [query==value] [key=text] [key:=json] [@file]
  sockwright call :7080/call/parity.is_even n==4
  sockwright call POST :7080/call/parity.is_even n:=4 -v
  sockwright call PUT https://127.0.0.1:7443/x X-Name:value @file.txt --fail

\b
xmlrpc:
  sockwright call xmlrpc://:7081 is_even 4
  sockwright call xmlrpc://:7081 --list

\b
smtp: from=ADDRESS to=ADDRESSES [cc= bcc= subject= body=TEXT|@file|- html= attach=@file]
  sockwright call smtp://:7025 to=bob@example.org subject=Hi body=Hello
  sockwright call smtps://mail.example.org from=a@x.org to=b@y.org body=@text --user a@x.org

\b
Exit codes: 0 ok, 1 not as expected (--expect, --fail, a fault), 2 usage,
3 cannot connect, 4 deadline, 5 the peer broke off or broke the protocol.
"""

PROBE = 2.0  # seconds to find out whether a peer speaks TLS, after it has hung up on us
_METHOD = re.compile(r"[A-Z][A-Z-]*")
_NUMBER = re.compile(r"-\.?[0-9]")
# Options that make sense with some schemes only; all others with every one.
_STREAM = frozenset({"tcp", "udp"})
_ONLY: Mapping[str, frozenset[str]] = {
    "hexadecimal": _STREAM,
    "frame": _STREAM,
    "split": _STREAM,
    "gap": _STREAM,
    "repeat": _STREAM,
    "interactive": _STREAM,
    "form": frozenset({"http"}),
    "fail": frozenset({"http"}),
    "follow": frozenset({"http"}),
    "string": frozenset({"xmlrpc"}),
    "list_methods": frozenset({"xmlrpc"}),
    "user": frozenset({"smtp"}),
    "password_env": frozenset({"smtp"}),
}


class Call(click.Command):
    """Takes `-4` as a value and still refuses an option that it does not know."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        known = {name for parameter in self.get_params(ctx) for name in parameter.opts + parameter.secondary_opts}
        for word in args:
            if word == "--":
                break
            if not word.startswith("-") or word == "-" or _NUMBER.match(word):
                continue
            name = word.partition("=")[0] if word.startswith("--") else word[:2]
            if name not in known:
                raise click.NoSuchOption(name, possibilities=_near(name, known), ctx=ctx)
        return super().parse_args(ctx, args)


def _near(name: str, known: set[str]) -> list[str]:
    import difflib

    return difflib.get_close_matches(name, known, n=2)


@click.command("call", cls=Call, epilog=EXAMPLES, context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, required=True, metavar="[METHOD] URL [DATA...]")
@click.option("--wait", type=DURATION, metavar="TIME", help="Give up after so much silence (5s; 0 does not wait).")
@click.option("--timeout", type=DURATION, metavar="TIME", help="Give up after so much time in all.")
@click.option("--expect", metavar="TEXT|re:...", help="Exit 1 unless the answer holds TEXT, or the pattern is found.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@click.option(
    "--verbose", "-v", is_flag=True, help="tcp, udp: each read with its time. http: both messages, line by line."
)
@click.option("--ca", metavar="FILE", help="TLS: trust the CA in FILE alone.")
@click.option("--insecure", is_flag=True, help="TLS: do not check who the peer is.")
@click.option("--hex", "hexadecimal", is_flag=True, help="tcp, udp: DATA and answer are hexadecimal digits.")
@click.option("--frame", type=FRAMING, metavar="FRAMING", help="tcp, udp: line, crlf, len2, len4, fixed:N, eof or raw.")
@click.option("--split", type=click.IntRange(1), metavar="N", help="tcp, udp: send in pieces of N bytes.")
@click.option("--gap", type=DURATION, metavar="TIME", help="tcp, udp: wait so long between two pieces.")
@click.option("--repeat", type=click.IntRange(1), metavar="N", help="tcp, udp: say it N times.")
@click.option("--interactive", "-i", is_flag=True, help="tcp, udp: lines typed go out, answers come in, both at once.")
@click.option("--form", "-f", is_flag=True, help="http: key=value as a form, not as JSON.")
@click.option("--fail", is_flag=True, help="http: exit 1 for a status of 400 and above.")
@click.option("--follow", is_flag=True, help="http: go where a redirect points.")
@click.option("--string", is_flag=True, help="xmlrpc: every value is a string.")
@click.option("--list", "list_methods", is_flag=True, help="xmlrpc: name the methods with their signatures.")
@click.option("--user", metavar="NAME", help="smtp: log in as NAME; the password is asked for, or:")
@click.option("--password-env", metavar="VARIABLE", help="smtp: the environment variable that holds the password.")
@click.pass_context
def command(ctx: click.Context, /, words: tuple[str, ...], **options: Any) -> None:
    """Say something to URL, and show what comes back."""
    from sockwright.endpoint import parse

    method = None
    if len(words) > 1 and _METHOD.fullmatch(words[0]):
        method, words = words[0], words[1:]
    endpoint = parse(words[0], "http")
    protocol = endpoint.protocol
    if method is not None and protocol != "http":
        raise click.UsageError(f"{method} is a method of http, and {words[0]} is {endpoint.scheme}.")
    _refuse_misplaced(ctx, protocol)
    _refuse_consoles(endpoint)
    if options["expect"] is not None:
        options["expect"] = _expectation(options["expect"])
    endpoint = with_trust(endpoint, options)
    talk: Callable[..., int]
    if protocol == "http":
        from sockwright.cli.call_http import talk
    elif protocol == "xmlrpc":
        from sockwright.cli.call_xmlrpc import talk
    elif protocol == "smtp":
        from sockwright.cli.call_smtp import talk
    else:
        from sockwright.cli.call_stream import talk
    code = guarded(lambda: talk(endpoint, words[1:], method=method, **options), endpoint, options["as_json"])
    raise manners.Stop(code)


def _refuse_consoles(endpoint: Endpoint) -> None:
    """Raises: Stop where a console of this machine would be called."""
    from sockwright.desk import consoles
    from sockwright.errors import ServiceError

    try:
        consoles.refuse(endpoint, "`call`")
    except ServiceError as refused:
        raise manners.Stop(manners.USAGE, str(refused)) from None


def _refuse_misplaced(ctx: click.Context, protocol: str) -> None:
    for parameter in ctx.command.params:
        only = _ONLY.get(parameter.name or "")
        given = ctx.get_parameter_source(parameter.name or "") is click.core.ParameterSource.COMMANDLINE
        if only is not None and given and protocol not in only:
            raise click.UsageError(f"{parameter.opts[0]} is for {' and '.join(sorted(only))}, not for {protocol}.")


def _expectation(said: str) -> Any:
    from sockwright.cli.screen import Expectation

    try:
        return Expectation(said)
    except ValueError as wrong:
        raise click.UsageError(f"--expect: {wrong}") from None


def with_trust(endpoint: Endpoint, options: Mapping[str, Any]) -> Endpoint:
    """Return the endpoint with what --ca and --insecure say of TLS."""
    from dataclasses import replace

    more = {}
    if options["ca"] is not None:
        more["ca"] = options["ca"]
    if options["insecure"]:
        more["verify"] = "no"
    return replace(endpoint, options={**endpoint.options, **more}) if more else endpoint


def guarded(talk: Callable[[], int], endpoint: Endpoint, as_json: bool = False) -> int:
    """Return what `talk` returns; whatever ends it early is told with its cause, its cure and its exit code."""
    try:
        return talk()
    except Exception as trouble:
        stop = trouble if isinstance(trouble, manners.Stop) else stop_for(trouble, endpoint)
        if stop is None:
            raise
        if as_json and str(stop):
            manners.emit({"endpoint": str(endpoint), "error": str(stop), "exit": stop.code})
        raise stop from None


def stop_for(trouble: Exception, endpoint: Endpoint) -> manners.Stop | None:
    """Return how a call ends that met `trouble`; None where that is a mistake of ours."""
    import socket
    import ssl

    from sockwright.errors import ConfigError, PeerError, ServiceError

    if isinstance(trouble, click.ClickException | ConfigError):
        return None  # told by whoever runs us
    words = getattr(trouble, "strerror", None) or str(trouble) or type(trouble).__name__
    match trouble:
        case ssl.SSLCertVerificationError():
            return manners.Stop(
                manners.UNREACHABLE,
                f"the certificate of {endpoint.authority} is not trusted: {trouble.verify_message or words}",
                "--ca FILE trusts the CA in FILE, --insecure does not ask",
            )
        case ssl.SSLError():
            return manners.Stop(
                manners.BROKEN_OFF, f"TLS with {endpoint.authority} failed: {trouble.reason or words}".replace("_", " ")
            )
        case BrokenPipeError():
            return None
        case socket.gaierror():
            return manners.Stop(manners.UNREACHABLE, words, "check its spelling; 127.0.0.1 is this machine")
        case ConnectionRefusedError():
            return manners.Stop(manners.UNREACHABLE, words, _cure_for_refused(endpoint))
        case TimeoutError():
            return manners.Stop(manners.DEADLINE, words, "--wait 30s waits longer")
        case ConnectionResetError() | ConnectionAbortedError():
            if "without a response" in words and not endpoint.tls and _speaks_tls(endpoint):
                words = f"this looks like TLS: {words}"
                return manners.Stop(manners.BROKEN_OFF, words, f"with TLS it is {with_tls(endpoint)}")
            return manners.Stop(manners.BROKEN_OFF, words)
        case OSError():
            return manners.Stop(manners.UNREACHABLE, words)
        case PeerError():
            return manners.Stop(manners.BROKEN_OFF, str(trouble), _cure_for_stranger(trouble, endpoint))
        case ServiceError():
            return manners.Stop(manners.WRONG, words)
        case ValueError() | TypeError():
            # What cannot be said at all: a frame too long, a field with a line end, a value XML-RPC has no word for.
            return manners.Stop(manners.USAGE, words)
    return None


def _speaks_tls(endpoint: Endpoint) -> bool:
    """Ask a peer that hung up on our plain words whether it would rather have TLS."""
    from dataclasses import replace

    from sockwright.errors import PeerError
    from sockwright.transport.dial import dial

    try:
        dial(replace(endpoint, tls=True, options={"verify": "no"}), PROBE).close()
    except (OSError, PeerError):
        return False
    return True


def _cure_for_refused(endpoint: Endpoint) -> str:
    if not endpoint.is_loopback:
        return "is it running there, and does it listen at more than its own loopback?"
    what = "mailsink" if endpoint.protocol == "smtp" else "echo"
    return f"start one: sockwright serve {endpoint.scheme}://:{endpoint.port} --do {what}, or all: sockwright up"


def _cure_for_stranger(trouble: Exception, endpoint: Endpoint) -> str:
    if "does not speak TLS" in str(trouble):
        plain = {"https": "http", "smtps": "smtp"}.get(endpoint.scheme, endpoint.scheme)
        return f"without TLS it is {plain}://{endpoint.authority}"
    if "looks like TLS" in str(trouble):
        return f"with TLS it is {with_tls(endpoint)}"
    return ""


def with_tls(endpoint: Endpoint) -> str:
    """Return how to write the same endpoint under TLS."""
    scheme = {"http": "https", "smtp": "smtps"}.get(endpoint.scheme, f"{endpoint.scheme}+tls")
    return f"{scheme}://{endpoint.authority}"


def stdin_descriptor() -> int | None:
    """Return standard input's descriptor, None where it is closed."""
    try:
        return sys.stdin.fileno()
    except (AttributeError, ValueError, OSError):
        return None


def stdin_is_piped() -> bool:
    """Tell whether standard input is a file or a pipe, not a person."""
    descriptor = stdin_descriptor()
    import os

    return descriptor is not None and not os.isatty(descriptor)
