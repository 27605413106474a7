"""A name server on loopback, with a resolver that uses it."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, override

from aiohttp.resolver import AsyncResolver
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest


@dataclass(eq=False)
class NameServer(asyncio.DatagramProtocol):
    """Name server for fixed names; others get NXDOMAIN."""

    addresses: Mapping[str, Sequence[str]]
    is_failing: bool = False
    """Whether every response is SERVFAIL."""
    queries: list[tuple[str, str]] = field(default_factory=list)
    """Names and record types of the queries."""
    _transport: asyncio.DatagramTransport | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport)
        self._transport = transport

    @override
    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        query = dns.message.from_wire(data)
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        (question,) = query.question
        name = question.name.to_text(omit_final_dot=True).lower()
        self.queries.append((name, dns.rdatatype.to_text(question.rdtype)))
        if self.is_failing:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif name not in self.addresses:
            response.set_rcode(dns.rcode.NXDOMAIN)
        else:
            version = {dns.rdatatype.A: 4, dns.rdatatype.AAAA: 6}.get(question.rdtype)
            found = [text for text in self.addresses[name] if ip_address(text).version == version]
            if found:
                # TTL 0: don't cache it.
                response.answer.append(
                    dns.rrset.from_text_list(question.name, 0, "IN", question.rdtype, found)
                )
        assert self._transport is not None
        self._transport.sendto(response.to_wire(), addr)


@asynccontextmanager
async def name_server(
    monkeypatch: pytest.MonkeyPatch, addresses: Mapping[str, Sequence[str]]
) -> AsyncIterator[NameServer]:
    """Run a name server that Home Assistant's new sessions use."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(
        lambda: NameServer(addresses), ("127.0.0.1", 0)
    )
    port = transport.get_extra_info("sockname")[1]
    resolver = AsyncResolver(nameservers=[f"127.0.0.1:{port}"])
    # Home Assistant's subclass has this attribute; sessions must not close the resolver.
    resolver.real_close = resolver.close  # type: ignore[attr-defined]
    monkeypatch.setattr(
        "homeassistant.helpers.aiohttp_client._async_make_resolver", lambda hass: resolver
    )
    yield server
    transport.close()
