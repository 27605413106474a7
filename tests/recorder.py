"""A server that no client should connect to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass
class Recorder:
    """Count and close connections to a loopback port."""

    port: int = 0
    connections: int = 0

    @property
    def url(self) -> str:
        """Return an https URL of the server."""
        return f"https://127.0.0.1:{self.port}"


@asynccontextmanager
async def recording() -> AsyncIterator[Recorder]:
    """Listen on a free port."""
    recorder = Recorder()

    def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        recorder.connections += 1
        writer.transport.abort()

    server = await asyncio.start_server(count, "127.0.0.1", 0)
    recorder.port = server.sockets[0].getsockname()[1]
    async with server:
        yield recorder
