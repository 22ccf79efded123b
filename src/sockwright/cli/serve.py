"""`serve`: one service on endpoints."""

from __future__ import annotations

from typing import Any

import click

from sockwright.cli import flags, manners

EXAMPLES = """\b
SERVICE is one of echo, discard, time, greet, symbols, codebook, parity, hello, mailsink, probes, files:DIR,
or a function: the signature alone makes it a service, over any protocol; or, over http, a WSGI or ASGI
application (Flask, Django, FastAPI, Starlette). A file that `tap --record` wrote plays its server's side.

\b
Examples:
  sockwright serve tcp://:9000 --do echo
  sockwright serve tcp://:9000 udp://:9000 --do app.py:shout
  sockwright serve http://:8080 --do hello
  sockwright serve http://:8888 --do files:.
  sockwright serve http://:8888 --do files:inbox --upload
  sockwright serve http://:8080 --do shop:app
  sockwright serve http://:8080/shop --do "shop.py:create_app()"
  sockwright serve xmlrpc://:8000 --do mypackage.calc:add
  sockwright serve smtp://:2525 --do mailsink
  sockwright serve tcp+tls://:9443 --do echo --frame line
"""


@click.command("serve", epilog=EXAMPLES)
@click.argument("endpoints", nargs=-1, required=True, metavar="ENDPOINT...")
@click.option(
    "--do", "service", required=True, metavar="SERVICE", help="What answers: a name, module:function, file.py:function."
)
@click.option("--frame", metavar="FRAMING", help="line, crlf, len2, len4, fixed:N, eof or raw.")
@click.option("--max-connections", type=click.IntRange(1), metavar="N", help="Connections at once.")
@click.option("--idle", metavar="TIME", help="Hang up on who is silent for so long (5m).")
@click.option("--call-limit", metavar="TIME", help="Refuse a call that takes longer (10s; applications 30s).")
@click.option("--max-body", metavar="SIZE", help="http: the most content of a request (1MiB; applications more).")
@flags.faults()
@click.option("--all", "hidden", is_flag=True, help="files: also what begins with a dot.")
@click.option("--spa", is_flag=True, help="files: /index.html for paths where no file is.")
@click.option("--cors", is_flag=True, help="files: pages of other origins may read.")
@click.option("--upload", is_flag=True, help="files: also take them, by PUT and by the listing's form.")
@click.option("--upload-limit", metavar="SIZE", help="files: the most content of one upload (100MiB).")
@click.option("--auth", metavar="USER:PASSWORD", help="files: for who knows these only (SOCKWRIGHT_SERVE_AUTH).")
@click.option("--lan", is_flag=True, help="Let others on the network in, not only this machine.")
@click.option(
    "--mailbox", metavar="FILE|URL|memory", help="Where mailsink keeps mail: a file, redis://HOST:PORT/DB, memory."
)
@click.option("--users", metavar="FILE", help="smtp: who must log in, a line each: name:password. Else anybody may.")
@click.option("--no-journal", is_flag=True, help="Keep what happens in memory only.")
@click.option("--store", metavar="URL", help="Where state is kept: a file, redis://HOST:PORT/DB, memory.")
@click.option("--console", is_flag=True, help="Show a live page of it at port 7070, or the next one that is free.")
@click.option("--ready-file", metavar="FILE", help="Write the real endpoints there (JSON) once they answer.")
@click.option("--quiet", "-q", is_flag=True, help="Do not print a line per connection.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
def command(endpoints: tuple[str, ...], service: str, **options: Any) -> None:
    """Serve SERVICE at each ENDPOINT until Ctrl-C."""
    from sockwright.cli import running, users

    settings, limits = _settings(service, options), _limits(options)
    postings = [
        running.posting(text, service, options.get("frame"), settings=settings, limits=limits) for text in endpoints
    ]
    postings = users.with_users(postings, options.pop("users"))
    raise manners.Stop(running.run(postings, title=f"serve {service}", **options))


def _limits(options: dict[str, Any]) -> dict[str, object]:
    """Return what the flags say to the protocol. Raises: click.UsageError."""
    from sockwright import config

    try:
        return {"body": config.size(options["max_body"])} if options.get("max_body") else {}
    except ValueError as wrong:
        raise click.UsageError(f"--max-body: {wrong}") from None


def _settings(service: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return what the flags say to `files`. Raises: click.UsageError where something else is served."""
    flags = {"hidden": "all", "spa": "spa", "cors": "cors", "auth": "auth", "upload": "upload"}
    flags["upload_limit"] = "upload_limit"
    given = {name: options[flag] for flag, name in flags.items() if options.get(flag)}
    if not service.startswith("files:"):
        if given:
            raise click.UsageError(
                f"--{next(iter(given)).replace('_', '-')} is for --do files:DIR, and this is {service}"
            )
        return {}
    if "auth" in given and not all(given["auth"].partition(":")):
        raise click.UsageError("--auth wants USER:PASSWORD")
    if "upload_limit" in given:
        if "upload" not in given:
            raise click.UsageError("--upload-limit is for --upload")
        from sockwright import config

        try:
            given["upload_limit"] = config.size(given["upload_limit"])
        except ValueError as wrong:
            raise click.UsageError(f"--upload-limit: {wrong}") from None
    from sockwright.cli import running

    return given | running.lan_names(lan=bool(options.get("lan")))
