"""`links`: checks the links of pages, sites, files and sitemaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from sockwright.cli import manners
from sockwright.cli.kinds import DURATION
from sockwright.cli.links_flags import avoided, credentials_of, options_of, shared_store, store_path

EXAMPLES = """\b
Examples:
  sockwright links https://example.org/                    the links of one page
  sockwright links https://example.org/ --recursive        of the whole site
  sockwright links site/ README.md                         of local files, before they are published
  sockwright links https://example.org/sitemap.xml         of every page the sitemap lists
  sockwright links URL --recursive --json | jq 'select(.class == "broken")'

\b
Classes:
  ok redirected flaky blocked rate-limited robots skipped    do not fail the run
  broken time-out dns tls refused                            do (--fail-on chooses)

Exit code 0: no link of a failing class; 1: at least one; 2: usage.
"""


_SECOND = "sockwright.links.second"


def foresee(ctx: click.Context, words: Sequence[str]) -> None:
    """Begin the process that reads pages, where the words promise many: it loads its parsers while we load the rest."""
    if "--recursive" in words or "-r" in words:
        from sockwright.links.second import begin

        second = begin()
        if second is not None:
            ctx.meta[_SECOND] = second
            ctx.call_on_close(second.close)


class _Links(click.Group):
    """`links URL...`, and `links worker`, which has no inputs but other people's (a file of that name: ./worker)."""

    allow_interspersed_args = True

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if args[:1] == ["worker"]:
            return _worker.make_context(f"{info_name} worker", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


@click.group("links", cls=_Links, invoke_without_command=True, no_args_is_help=False, epilog=EXAMPLES)
@click.argument("inputs", nargs=-1, metavar="URL|FILE|DIR|SITEMAP|-...")
@click.option("--recursive", "-r", is_flag=True, help="Go on to the pages that links lead to, on the same host.")
@click.option("--depth", type=click.IntRange(0), metavar="N", help="Links between the start and a page, at most (20).")
@click.option("--max-pages", type=click.IntRange(1), metavar="N", help="Pages to read (5000).")
@click.option("--run-limit", type=DURATION, metavar="TIME", help="End the whole run after so long (10m).")
@click.option("--scope", multiple=True, metavar="URL", help="Go on only below this URL (/docs/ is not /docs-old/).")
@click.option("--include", multiple=True, metavar="REGEX", help="Ask only URLs that match.")
@click.option("--exclude", multiple=True, metavar="REGEX", help="Do not ask URLs that match.")
@click.option("--timeout", type=DURATION, metavar="TIME", help="For one URL in all (20s).")
@click.option("--connections", type=click.IntRange(1, 5000), metavar="N", help="Requests at once, to all hosts (200).")
@click.option(
    "--per-host", type=click.IntRange(1, 1000), metavar="N", help="To one host, at most (8; this machine 32)."
)
@click.option("--delay", type=DURATION, metavar="TIME", help="Between two requests to one host (0).")
@click.option("--soft-404", is_flag=True, help="Compare pages with what the server says to a name that cannot exist.")
@click.option("--mx", is_flag=True, help="Look up whether the domains of mail addresses take mail.")
@click.option("--name-server", multiple=True, metavar="ADDR[:PORT]", help="Ask this one for MX records.")
@click.option("--no-robots", is_flag=True, help="Do not ask for robots.txt, nor keep to it.")
@click.option("--no-retry", is_flag=True, help="Ask each URL only once.")
@click.option("--header", multiple=True, metavar="[HOST=]NAME:VALUE", help="Send a field to HOST (the inputs' hosts).")
@click.option("--auth", multiple=True, metavar="[HOST=]USER:PASSWORD", help="Log in at HOST (the inputs' hosts).")
@click.option("--user-agent", metavar="TEXT", help="What servers see.")
@click.option("--no-private", is_flag=True, help="Never connect to private, loopback or link-local addresses.")
@click.option("--resolve", multiple=True, metavar="HOST:PORT:ADDR", help="Use this address for a name.")
@click.option("--ca-file", metavar="FILE", help="Trust the authorities in this PEM file.")
@click.option("--proxy", metavar="URL", help="Ask through a proxy.")
@click.option("--engine", type=click.Choice(["curl", "urllib"]), default="curl", help="Who speaks HTTP (curl).")
@click.option("--root", metavar="DIR", help="What / means in local pages (the directory given).")
@click.option("--report", multiple=True, metavar="FILE", help="Write .xml (JUnit), .csv, .sarif, .html or .jsonl too.")
@click.option("--mail-to", multiple=True, metavar="ADDRESS", help="Mail the findings there, too.")
@click.option("--mail-at", metavar="URL", help="By this server (smtp://:7025).")
@click.option("--mail-from", metavar="ADDRESS", help="From this address (you, at localhost).")
@click.option("--fail-on", metavar="CLASS,...", help="Classes that fail the run.")
@click.option(
    "--store", metavar="FILE|none|redis://...", help="Where results are remembered, or shared with `links worker`."
)
@click.option("--no-work", is_flag=True, help="Leave a shared run to the workers.")
@click.option("--resume", is_flag=True, help="Take up the run that was broken off.")
@click.option(
    "--max-age",
    type=DURATION,
    metavar="TIME",
    help="Believe good results of earlier runs for so long without asking (0).",
)
@click.option("--why", metavar="URL", help="Show the exchange behind the last verdict on URL, and ask nothing.")
@click.option("--verbose", "-v", is_flag=True, help="Tell redirects, hints and what was not asked, too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per link, the summary last.")
def command(inputs: tuple[str, ...], **flags: Any) -> None:
    """Check the links of pages, sites, files and sitemaps."""
    import gc
    import sys

    # A run makes values by the million and hardly a cycle: looking for cycles at the usual pace is a tenth of its time.
    gc.set_threshold(100_000, 20, 50)
    if flags["why"]:
        from sockwright.cli.links_why import why

        why(flags["why"], store_path(flags["store"]), flags["as_json"])
        return
    if not inputs:
        raise click.UsageError("Nothing to check: name a URL, a file, a directory, a sitemap or -.")
    second = None
    if flags["engine"] == "curl" and not shared_store(flags["store"]):
        second = click.get_current_context().meta.get(_SECOND)
    from sockwright.links.inputs import inputs_of
    from sockwright.links.reports import Reporter
    from sockwright.links.run import check

    options = options_of(inputs, flags)
    found = inputs_of(inputs, sys.stdin.buffer.read)
    reporters: list[Reporter] = []
    if flags["as_json"]:
        from sockwright.links.reports.lines import LinesReport

        reporters.append(LinesReport(sys.stdout.buffer))
    else:
        from sockwright.links.reports.terminal import TerminalReport

        reporters.append(
            TerminalReport(
                sys.stdout,
                sys.stderr,
                colour=manners.colours(sys.stdout),
                moving=sys.stderr.isatty(),
                failing=options.failing,
                verbose=flags["verbose"],
            )
        )
    if flags["report"]:
        from sockwright.links.reports.files import file_reports

        reporters += file_reports(flags["report"], options.failing)
    mail = None
    if flags["mail_to"]:
        from sockwright.cli.links_mail import MailReport

        mail = MailReport(flags["mail_to"], flags["mail_at"], flags["mail_from"], options.failing)
        reporters.append(mail)
    summary = check(found, options, reporters, names=inputs, remark=manners.remark, second=second)
    if mail is not None:
        mail.send()
    if summary.interrupted:
        raise manners.Stop(manners.INTERRUPTED, "interrupted")
    raise manners.Stop(manners.WRONG if summary.failed else manners.OK)


@command.command(
    "worker",
    epilog="""\b
Example:
  sockwright links worker --store redis://10.0.0.7/0                                  on any number of machines
  sockwright links https://example.org/ --recursive --store redis://10.0.0.7/0        on one of them
""",
)
@click.option("--store", required=True, metavar="redis://...", help="The Redis or Valkey that the runs share.")
@click.option("--until-idle", type=DURATION, metavar="TIME", help="End when there was nothing to do for so long.")
@click.option("--header", multiple=True, metavar="HOST=NAME:VALUE", help="Send a field to HOST.")
@click.option("--auth", multiple=True, metavar="HOST=USER:PASSWORD", help="Log in at HOST.")
@click.option("--no-private", is_flag=True, help="Never connect to private, loopback or link-local addresses.")
@click.option("--resolve", multiple=True, metavar="HOST:PORT:ADDR", help="Use this address for a name.")
@click.option("--ca-file", metavar="FILE", help="Trust the authorities in this PEM file.")
@click.option("--proxy", metavar="URL", help="Ask through a proxy.")
@click.option("--engine", type=click.Choice(["curl", "urllib"]), default="curl", help="Who speaks HTTP (curl).")
def _worker(**flags: Any) -> None:
    """Check links for runs that others have begun with the same --store.

    The hosts of a run are divided among its workers, so that each host is asked by one of them only, at its pace. A
    worker that dies is replaced by the others; what it had under way is done again, and counts once.
    """
    from sockwright.errors import ConfigError
    from sockwright.links.run import Options, work

    if not shared_store(flags["store"]):
        raise ConfigError("a worker wants --store redis://HOST:PORT/DB")
    options = Options(
        engine=flags["engine"],
        credentials=credentials_of((), flags),
        public_only=flags["no_private"],
        avoid=avoided(),
        resolve=flags["resolve"],
        ca_file=flags["ca_file"] or "",
        proxy=flags["proxy"],
        shared=flags["store"],
    )
    done = work(options, until_idle=flags["until_idle"] or 0.0, remark=manners.remark)
    manners.remark(f"{done} URLs checked")
