"""The list of benches. A new one is a module with a `Race`, and its line here."""

from __future__ import annotations

from bench import rpc, smtp, start, tcp, udp, web, workers
from bench.race import Race

RACES: tuple[Race, ...] = (
    tcp.TCP,
    tcp.PIPELINED,
    tcp.BURST,
    tcp.HELD,
    udp.UDP,
    web.HTTP,
    rpc.XMLRPC,
    smtp.SMTP,
    workers.USERS,
    start.START,
)
