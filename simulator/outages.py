"""Outages of the whole service, on its port."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
import socket
from typing import Final, Literal

type Outage = Literal["refused", "unanswered", "silent", "cut", "portal"]

_PORTAL: Final = (
    b"HTTP/1.1 302 Found\r\nLocation: http://portal.example/\r\nContent-Length: 0\r\n\r\n"
)


@asynccontextmanager
async def _refused(host: str, port: int) -> AsyncIterator[None]:
    """Close the port."""
    del host, port
    yield


@asynccontextmanager
async def _unanswered(host: str, port: int) -> AsyncIterator[None]:
    """Drop packets."""
    # A full backlog neither accepts nor rejects a connection.
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(0)
        for pending in (first, second):
            pending.setblocking(False)  # noqa: FBT003
            pending.connect_ex((host, port))
        yield


def _accepting(
    respond: Callable[[asyncio.StreamReader, asyncio.StreamWriter], object],
) -> Callable[[str, int], AbstractAsyncContextManager[None]]:
    """Accept connections without TLS."""

    @asynccontextmanager
    async def accepting(host: str, port: int) -> AsyncIterator[None]:
        writers: list[asyncio.StreamWriter] = []

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            respond(reader, writer)

        server = await asyncio.start_server(connected, host, port)
        try:
            yield
        finally:
            server.close()
            for writer in writers:
                writer.transport.abort()
            await server.wait_closed()

    return accepting


def _portal(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Redirect to a captive portal."""
    del reader
    writer.write(_PORTAL)
    writer.close()


OUTAGES: Final[dict[Outage, Callable[[str, int], AbstractAsyncContextManager[None]]]] = {
    "refused": _refused,
    "unanswered": _unanswered,
    "silent": _accepting(lambda reader, writer: None),
    "cut": _accepting(lambda reader, writer: writer.transport.abort()),
    "portal": _accepting(_portal),
}
"""A closed port, dropped packets, no response, a closed connection, a captive portal."""
