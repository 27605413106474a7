"""The machine's resolver, which can lose its answers: beside time the only thing here that is not real."""

from dataclasses import dataclass
import socket
from typing import Any, Final

from aiohttp.abc import ResolveResult
from aiohttp.resolver import AsyncResolver
import pytest

NAME: Final = "localhost"
"""What the simulator is called where names matter."""


@dataclass
class Names:
    """Whether names are found."""

    lost: bool = False

    def take_over(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Stand between both HTTP clients and the resolver, and fail as it does."""
        look_up = socket.getaddrinfo

        def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
            if self.lost and host == NAME:
                raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
            return look_up(host, *args, **kwargs)

        async def lookup(
            resolver: AsyncResolver, host: str, port: int = 0, family: int = socket.AF_INET
        ) -> list[ResolveResult]:
            del resolver, family
            if self.lost or host != NAME:
                raise OSError(None, "Could not contact DNS servers")
            return [
                ResolveResult(
                    hostname=host,
                    host="127.0.0.1",
                    port=port,
                    family=socket.AF_INET,
                    proto=0,
                    flags=socket.AI_NUMERICHOST,
                )
            ]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        monkeypatch.setattr(AsyncResolver, "resolve", lookup)
