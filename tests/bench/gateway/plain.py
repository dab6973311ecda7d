"""The yardstick: a proxy of aiohttp's server and client that does nothing but pass on, on uvloop.

python -m tests.bench.gateway.plain PORT BACKEND-URL
"""

import asyncio
import sys

import aiohttp
import uvloop
from aiohttp import web

from tenantry_local.ports import LOOPBACK


async def main(port: int, backend: str) -> None:
    """Serve until it is killed."""
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def pass_on(request: web.Request) -> web.StreamResponse:
            body = await request.read()
            headers = {"Content-Type": request.headers["Content-Type"]}
            async with session.post(backend + request.path, data=body, headers=headers) as answer:
                response = web.StreamResponse(status=answer.status)
                response.content_type = answer.content_type
                response.content_length = answer.content_length
                await response.prepare(request)
                async for chunk in answer.content.iter_any():
                    await response.write(chunk)
                await response.write_eof()
                return response

        app = web.Application()
        app.router.add_post("/api/v1/query", pass_on)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, LOOPBACK, port).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2]))
