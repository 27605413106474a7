"""The floor: aiohttp and orjson, and nothing around them."""

from time import perf_counter
from typing import override

import aiohttp
import orjson

from scripts.bench.memory import Memory
from scripts.bench.worker import Access, Candidate, Json


class Floor(Candidate):
    """One request, one dictionary."""

    def __init__(self, access: Access, session: aiohttp.ClientSession) -> None:
        """Keep a session whose connection stays open."""
        super().__init__()
        self.operations["requests"] = self._requests
        self._access = access
        self._session = session
        self._presence = f"{access.tls_url}/v1.0/me/presence"
        self._headers = {"Authorization": f"Bearer {access.token}"}

    @override
    async def poll(self) -> str:
        async with self._session.get(self._presence, headers=self._headers) as answer:
            presence = orjson.loads(await answer.read())
        availability: str = presence["availability"]
        return availability

    async def _requests(self, order: Json) -> Json:
        """Make requests one after the other, and tell how many seconds they took."""
        begin = perf_counter()
        for request in order["requests"]:
            async with self._session.request(
                request["method"],
                self._access.tls_url + request["path"],
                headers=None if request["form"] else self._headers,
                data=request["form"],
            ) as answer:
                answer.raise_for_status()
                await answer.read()
        return {"wall": perf_counter() - begin}

    @override
    async def close(self) -> None:
        await self._session.close()


async def start(access: Access, memory: Memory) -> Floor:
    """Return the floor."""
    return Floor(access, aiohttp.ClientSession())
