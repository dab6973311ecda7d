"""Failures to exchange anything, in words; what answers mean is in `test_endpoint`."""

import asyncio

from multidict import CIMultiDict

from tenantry_local.ports import free_port
from writer import access, exchange, outcome

NOTHING = access.Granted(headers=CIMultiDict())


async def test_a_server_that_hangs_up_is_no_answer() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, exchange.session(5) as http:
        found = await exchange.send(http, "PUT", f"http://127.0.0.1:{port}/", b"x", NOTHING, {})

    assert found == outcome.NoAnswer(
        reason="connection failed: ServerDisconnectedError", sent=True
    ) or found == outcome.NoAnswer(reason="connection failed: ClientOSError", sent=True)


async def test_nobody_who_listens_was_sent_nothing() -> None:
    async with exchange.session(5) as http:
        found = await exchange.send(
            http, "PUT", f"http://127.0.0.1:{free_port()}/", b"x", NOTHING, {}
        )

    assert found == outcome.NoAnswer(reason="cannot connect: Connection refused", sent=False)
