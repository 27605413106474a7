"""Loopback addresses that respond, and others that do not."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
import socket
from typing import Final

# The resolver puts addresses with a longer common prefix first.
GOOD: Final = "127.64.0.1"
DEAD: Final = tuple(f"127.0.0.{number}" for number in range(2, 10))


@contextmanager
def unresponsive(addresses: tuple[str, ...], port: int) -> Iterator[None]:
    """Make addresses unresponsive by filling their listeners' queues."""
    with ExitStack() as stack:
        for address in addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            listener = stack.enter_context(socket.socket(family))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, port))
            listener.listen(0)
            for _ in range(2):
                waiting = stack.enter_context(socket.socket(family))
                waiting.setblocking(False)  # noqa: FBT003
                waiting.connect_ex((address, port))
        yield
