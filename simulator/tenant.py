"""The tenant's directory: people, app registrations, consent."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Final, Literal
from urllib.parse import urlsplit
from uuid import NAMESPACE_DNS, uuid5

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from .clock import Clock
from .engine import Presence
from .states import Vocabulary
from .wire import base64url

type Platform = Literal["web", "public", "spa"]
type UserConsent = Literal["allowed", "blocked"]
type AdminConsent = Literal["requested", "registered"]

TENANT_ID: Final = "5b1f7a52-2c1e-4c55-9b6b-6c2f6d0f3a10"
DOMAIN: Final = "contoso.example"
FOREIGN_DOMAIN: Final = "fabrikam.example"
PUBLIC_CLIENT_ID: Final = "0c7d1e0a-53c4-4a6e-8a4b-6f0f5f1d2b01"
CONFIDENTIAL_CLIENT_ID: Final = "0c7d1e0a-53c4-4a6e-8a4b-6f0f5f1d2b02"
CONFIDENTIAL_CLIENT_SECRET: Final = "not-a-secret~of-the-web-app"  # noqa: S105
DAEMON_CLIENT_ID: Final = "0c7d1e0a-53c4-4a6e-8a4b-6f0f5f1d2b03"
DAEMON_CLIENT_SECRET: Final = "not-a-secret~of-the-daemon"  # noqa: S105

REDIRECT_URIS: Final = (
    "https://my.home-assistant.io/redirect/oauth",
    "http://localhost/auth/external/callback",
    "http://127.0.0.1/auth/external/callback",
    "https://example.com/auth/external/callback",
)

DELEGATED: Final = {
    "Presence.Read": "See your presence information",
    "Presence.Read.All": "See the presence information of everyone in your organization",
    "Presence.ReadWrite": "See and change your presence information",
    "User.Read": "Sign you in and read your profile",
    "User.ReadBasic.All": "Read everyone's basic profile",
    "User.Read.All": "Read everyone's full profile",
}
"""Delegated permissions of Graph, as the consent page describes them."""

ADMIN_ONLY: Final = frozenset({"User.Read.All"})
"""Delegated permissions that only an administrator may grant."""

APPLICATION: Final = frozenset(
    {"Presence.Read.All", "Presence.ReadWrite.All", "User.ReadBasic.All"}
)


@dataclass(frozen=True)
class ClientCertificate:
    """A client certificate and its private key, PEM."""

    private_key: str
    certificate: str

    @classmethod
    def create(cls, name: str) -> ClientCertificate:
        """Create a self-signed certificate, valid from 2000 to 2100."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime(2000, 1, 1, tzinfo=UTC))
            .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
            .sign(key, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        public = certificate.public_bytes(serialization.Encoding.PEM)
        return cls(private.decode(), public.decode())

    @property
    def pem(self) -> str:
        """The private key and the certificate in one text."""
        return self.private_key + self.certificate

    @property
    def parsed(self) -> x509.Certificate:
        """The certificate, parsed."""
        return x509.load_pem_x509_certificate(self.certificate.encode())

    @property
    def thumbprint(self) -> str:
        """The SHA-1 thumbprint in hexadecimal, as the portal shows it."""
        return self.parsed.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303

    def key_ids(self) -> dict[str, str]:
        """Return the thumbprints that a client assertion's header may have."""
        return {
            "x5t": base64url(self.parsed.fingerprint(hashes.SHA1())),  # noqa: S303
            "x5t#S256": base64url(self.parsed.fingerprint(hashes.SHA256())),
        }


@cache
def daemon_certificate() -> ClientCertificate:
    """Return the daemon's certificate, created once per process."""
    return ClientCertificate.create("Simulated daemon")


@dataclass
class Secret:
    """A client secret and its expiration."""

    value: str
    expires: datetime | None = None


@dataclass
class App:
    """An app registration."""

    id: str
    name: str
    redirect_uris: dict[Platform, list[str]] = field(default_factory=dict)
    secrets: list[Secret] = field(default_factory=list)
    certificates: list[ClientCertificate] = field(default_factory=list)
    delegated: set[str] = field(default_factory=set)
    """The permissions of `/.default`; others can be requested by name."""
    application: set[str] = field(default_factory=set)
    """Application permissions, consented by an administrator."""
    admin_consented: set[str] = field(default_factory=set)
    """Delegated permissions that an administrator granted tenant-wide."""
    enabled: bool = True
    multi_tenant: bool = False
    public_client_flows: bool = False
    assignment_required: bool = False
    assigned: set[str] = field(default_factory=set)
    """Keys of the people who may use an app that requires assignment."""

    def find_platform(self, redirect_uri: str) -> Platform | None:
        """Find the platform of a redirect URI; on a loopback host the port is ignored."""
        wanted = _without_loopback_port(redirect_uri)
        for platform, registered in self.redirect_uris.items():
            if any(_without_loopback_port(uri) == wanted for uri in registered):
                return platform
        return None


def _without_loopback_port(uri: str) -> str:
    parts = urlsplit(uri)
    if parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1"}:
        return parts._replace(netloc=parts.hostname).geturl()
    return uri


class Person(Presence):
    """A person in the directory and their presence, one object."""

    def __init__(
        self,
        key: str,
        name: str,
        address: str,
        *,
        clock: Clock,
        tenant: Tenant,
        person_id: str | None = None,
        guest: bool = False,
    ) -> None:
        """Create a person with Teams open; the key determines the default id."""
        super().__init__(clock, lambda: tenant.vocabulary)
        self.key = key
        self.id = person_id or str(uuid5(NAMESPACE_DNS, f"{key}.{DOMAIN}"))
        self.name = name
        self.address = address
        self.guest = guest
        self.principal_name = (
            f"{address.replace('@', '_')}#EXT#@{tenant.domain}" if guest else address
        )
        """The name in this directory; a guest signs in with their own address."""
        self.enabled = True

    @property
    def presence(self) -> Presence:
        """The person as a presence."""
        return self


class Tenant:
    """The directory of the organization."""

    def __init__(self, clock: Clock, vocabulary: Vocabulary = "classic") -> None:
        """Create three members, a guest and three app registrations."""
        self.id = TENANT_ID
        self.domain = DOMAIN
        self.vocabulary: Vocabulary = vocabulary
        self.user_consent: UserConsent = "allowed"
        self.admin_consent: AdminConsent = "requested"
        """Which permissions the page with scopes grants; Microsoft documents both."""
        self.admin_consent_requests = False
        """Whether people may ask an administrator for consent (AADSTS90095 instead of 90094)."""
        self.people: dict[str, Person] = {}
        self.apps: dict[str, App] = {}
        self.consents: dict[tuple[str, str], set[str]] = {}
        """Permissions by app id and person's key."""
        self._clock = clock
        # The ids of Microsoft's example requests, so that those work to the letter.
        self.add_person("robin", "Robin Example", person_id="fa8bf3dc-eca7-46b7-bad1-db199b62afc3")
        self.add_person("alex", "Alex Example", person_id="66825e03-7ef5-42da-9069-724602c31f6b")
        self.add_person("kim", "Kim Example", person_id="dc74d9bb-6afe-433d-8eaa-e39d80d3a647")
        self.add_person("guest", "Guest Example", f"guest@{FOREIGN_DOMAIN}", guest=True)
        for app in _apps():
            self.apps[app.id] = app

    def add_person(
        self,
        key: str,
        name: str | None = None,
        address: str | None = None,
        *,
        person_id: str | None = None,
        guest: bool = False,
    ) -> Person:
        """Add or replace a person, with Teams open."""
        person = Person(
            key,
            name or f"{key.title()} Example",
            address or f"{key}@{self.domain}",
            clock=self._clock,
            tenant=self,
            person_id=person_id,
            guest=guest,
        )
        self.people[key] = person
        return person

    def remove_person(self, key: str) -> None:
        """Delete a person; Graph then responds 404, the sign-in AADSTS50034."""
        del self.people[key]

    def find(self, person_id: str) -> Person | None:
        """Find a person by object id, in any case."""
        wanted = person_id.lower()
        return next((person for person in self.people.values() if person.id == wanted), None)

    def find_all(self, person_ids: Iterable[str]) -> list[Person]:
        """Find people by object id, in any case; skip unknown ones."""
        known = {person.id: person for person in self.people.values()}
        wanted = (person_id.lower() for person_id in person_ids)
        return [known[person_id] for person_id in wanted if person_id in known]

    def find_by_name(self, principal_name: str) -> Person | None:
        """Find a person by user principal name, in any case."""
        wanted = principal_name.lower()
        people = self.people.values()
        return next((person for person in people if person.principal_name.lower() == wanted), None)

    def find_by_address(self, address: str) -> Person | None:
        """Find a person by e-mail address, in any case."""
        wanted = address.lower()
        people = self.people.values()
        return next((person for person in people if person.address.lower() == wanted), None)

    def granted(self, app: App, person: Person) -> set[str]:
        """Return an app's delegated permissions for a person."""
        return app.admin_consented | self.consents.get((app.id, person.key), set())


def _apps() -> list[App]:
    presence = {"Presence.Read", "Presence.ReadWrite", "User.Read"}
    return [
        App(
            PUBLIC_CLIENT_ID,
            "Presence for the home",
            redirect_uris={"public": list(REDIRECT_URIS)},
            delegated=set(presence),
            multi_tenant=True,
            public_client_flows=True,
        ),
        App(
            CONFIDENTIAL_CLIENT_ID,
            "Presence for the home (with a secret)",
            redirect_uris={"web": list(REDIRECT_URIS)},
            secrets=[Secret(CONFIDENTIAL_CLIENT_SECRET)],
            delegated=set(presence),
        ),
        App(
            DAEMON_CLIENT_ID,
            "Presence of the organization",
            secrets=[Secret(DAEMON_CLIENT_SECRET)],
            certificates=[daemon_certificate()],
            application=set(APPLICATION),
        ),
    ]
