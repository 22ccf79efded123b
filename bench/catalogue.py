"""The list of benches. A new one is a module with a `Race`, and its line here."""

from __future__ import annotations

from bench import calm, codebook, files, hosts, links, people, rpc, smtp, start, tap, tcp, timing, udp, web, workers
from bench.race import Race

RACES: tuple[Race, ...] = (
    tcp.TCP,
    tcp.PIPELINED,
    tcp.BURST,
    tcp.HELD,
    udp.UDP,
    tap.TAP,
    calm.CALM,
    calm.CALM_HTTP,
    calm.CALM_SMTP,
    timing.LATENCY,
    timing.RATED,
    web.HTTP,
    files.FILES,
    hosts.WSGI,
    hosts.ASGI,
    rpc.XMLRPC,
    smtp.SMTP,
    codebook.CODEBOOK,
    codebook.MILLIONS,
    people.PEOPLE,
    workers.USERS,
    links.LINKS,
    links.HOSTS,
    start.START,
)
