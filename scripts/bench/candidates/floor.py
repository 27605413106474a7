"""The floor: only aiohttp and orjson."""

from time import perf_counter
from typing import override

import aiohttp
import orjson

from scripts.bench.memory import Memory
from scripts.bench.worker import Access, Candidate, Json


class Floor(Candidate):
    """One request on an open connection, parsed by orjson."""

    def __init__(self, access: Access, session: aiohttp.ClientSession) -> None:
        """Initialize."""
        super().__init__()
        self.operations["requests"] = self._requests
        self._access = access
        self._session = session
        self._presence = f"{access.tls_url}/v1.0/me/presence"
        self._headers = {"Authorization": f"Bearer {access.token}"}

    @override
    async def poll(self) -> str:
        async with self._session.get(self._presence, headers=self._headers) as response:
            presence = orjson.loads(await response.read())
        availability: str = presence["availability"]
        return availability

    async def _requests(self, arguments: Json) -> Json:
        """Send requests in sequence and time them."""
        start_time = perf_counter()
        for request in arguments["requests"]:
            async with self._session.request(
                request["method"],
                self._access.tls_url + request["path"],
                headers=None if request["form"] else self._headers,
                data=request["form"],
            ) as response:
                response.raise_for_status()
                await response.read()
        return {"wall": perf_counter() - start_time}

    @override
    async def close(self) -> None:
        await self._session.close()


async def start(access: Access, memory: Memory) -> Floor:
    """Create the candidate."""
    return Floor(access, aiohttp.ClientSession())
