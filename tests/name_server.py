"""A name server on loopback, and Home Assistant's resolver that asks it."""

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
    """Answers with the addresses of its names; unknown names do not exist."""

    addresses: Mapping[str, Sequence[str]]
    lost: bool = False
    """Whether it fails to answer anything, as without a network behind it."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Names and record types of the queries."""
    _transport: asyncio.DatagramTransport | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport)
        self._transport = transport

    @override
    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        query = dns.message.from_wire(data)
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        (question,) = query.question
        name = question.name.to_text(omit_final_dot=True).lower()
        self.asked.append((name, dns.rdatatype.to_text(question.rdtype)))
        if self.lost:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif name not in self.addresses:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        else:
            version = {dns.rdatatype.A: 4, dns.rdatatype.AAAA: 6}.get(question.rdtype)
            found = [text for text in self.addresses[name] if ip_address(text).version == version]
            if found:
                # Nothing may remember it.
                answer.answer.append(
                    dns.rrset.from_text_list(question.name, 0, "IN", question.rdtype, found)
                )
        assert self._transport is not None
        self._transport.sendto(answer.to_wire(), addr)


@asynccontextmanager
async def name_server(
    monkeypatch: pytest.MonkeyPatch, addresses: Mapping[str, Sequence[str]]
) -> AsyncIterator[NameServer]:
    """Run a name server, and let the sessions that Home Assistant makes from now on ask it."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(
        lambda: NameServer(addresses), ("127.0.0.1", 0)
    )
    port = transport.get_extra_info("sockname")[1]
    resolver = AsyncResolver(nameservers=[f"127.0.0.1:{port}"])
    # Home Assistant's own subclass has it: the session must not close the resolver.
    resolver.real_close = resolver.close  # type: ignore[attr-defined]
    monkeypatch.setattr(
        "homeassistant.helpers.aiohttp_client._async_make_resolver", lambda hass: resolver
    )
    yield server
    transport.close()
