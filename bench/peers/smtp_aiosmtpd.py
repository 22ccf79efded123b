"""aiosmtpd at the port given, with its own handler that throws every mail away."""

from __future__ import annotations

import asyncio
import sys

from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import SMTP


async def main(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Sink(), loop=loop), "127.0.0.1", port, backlog=1000)
    await server.serve_forever()


asyncio.run(main(int(sys.argv[1])))
