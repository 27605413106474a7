"""A temporary certificate authority, because MSAL rejects plain http."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
import ssl
from typing import Final, Self

import certifi
import trustme

NAMES: Final = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class Certificate:
    """A server certificate and its CA bundle."""

    bundle: Path
    """certifi's authorities plus ours: the value for REQUESTS_CA_BUNDLE."""
    chain: Path
    """The server's private key and certificate chain, PEM."""

    @classmethod
    def create(
        cls,
        directory: Path,
        *,
        names: tuple[str, ...] = NAMES,
        authority: trustme.CA | None = None,
        ends: datetime | None = None,
    ) -> Self:
        """Write CA bundle and certificate to a directory.

        By default the authority is a new one, the names are this machine's, and nothing ends.
        """
        authority = authority or trustme.CA()
        server = authority.issue_cert(*names, not_after=ends)
        bundle = directory / "bundle.pem"
        chain = directory / "server.pem"
        bundle.write_bytes(Path(certifi.where()).read_bytes() + authority.cert_pem.bytes())
        chain.touch(mode=0o600)
        chain.write_bytes(server.private_key_and_cert_chain_pem.bytes())
        return cls(bundle=bundle, chain=chain)

    def server_context(self) -> ssl.SSLContext:
        """Create the server's TLS context."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.chain)
        return context
