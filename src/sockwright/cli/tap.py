"""`tap`: a recording relay between any client and any server."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import click

from sockwright.cli import flags, manners

EXAMPLES = """\b
LISTEN and TARGET are endpoints; +tls on either side ends or begins TLS there.

\b
Examples:
  sockwright tap :8000 :80                          then point the client at port 8000
  sockwright tap :6380 :6379 --record redis.jsonl   keep every byte with its time
  sockwright tap :8000 tcp+tls://example.org:443    plain here, TLS there
  sockwright tap udp://:5300 udp://127.0.0.1:53     a session per client address
"""


@click.command("tap", epilog=EXAMPLES)
@click.argument("listen", metavar="LISTEN")
@click.argument("target", metavar="TARGET")
@click.option("--record", metavar="FILE", help="Keep every byte with its time in FILE; `replay` plays it again.")
@click.option("--max-connections", type=click.IntRange(1), metavar="N", help="Connections at once.")
@click.option(
    "--idle", "flow_idle", metavar="TIME", help="UDP: forget a client address that is silent for so long (30s)."
)
@flags.faults()
@click.option("--lan", is_flag=True, help="Let others on the network in, not only this machine.")
@click.option("--no-journal", is_flag=True, help="Keep what happens in memory only.")
@click.option("--console", is_flag=True, help="Show a live page of it at port 7070, or the next one that is free.")
@click.option("--ready-file", metavar="FILE", help="Write the real endpoints there (JSON) once they answer.")
@click.option("--quiet", "-q", is_flag=True, help="Do not print a line per connection.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
def command(listen: str, target: str, record: str | None, **options: Any) -> None:
    """Relay what comes to LISTEN to TARGET as it is, and record it, until Ctrl-C."""
    from sockwright.cli import running
    from sockwright.desk import consoles
    from sockwright.endpoint import parse
    from sockwright.errors import ConfigError
    from sockwright.journal.recording import Recorder
    from sockwright.workbench import Posting

    here, there = parse(listen), parse(target, scheme="udp" if listen.startswith("udp") else "tcp")
    if here.port and (here.host, here.port) == (there.host, there.port):
        raise ConfigError(f"a tap at {here} cannot be its own target", cure="listen at another port: it goes between")
    if there.protocol != "udp" and consoles.leads_to_console(there.host, there.port):
        raise ConfigError(
            f"{there.authority} is the console of a running bench, and a tap would record its key",
            cure="look at it in the browser, directly",
        )
    with contextlib.ExitStack() as held:
        recorder = None
        if record:
            recorder = held.enter_context(Recorder(Path(record), {"listen": str(here), "target": str(there)}))
        posting = Posting(here, (), label="tap", target=there, tape=recorder.tape if recorder else None)
        code = running.run([posting], title=f"tap {here} {there}", **options)
    if recorder is not None and recorder.trouble:
        manners.complain(recorder.trouble)
        code = code or manners.USAGE
    raise manners.Stop(code)
