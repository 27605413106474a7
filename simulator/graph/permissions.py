"""The permissions that requests need."""

from dataclasses import dataclass
from typing import Final

from simulator.entra.tokens import Caller
from simulator.tenant import Person

from .errors import GraphError


@dataclass(frozen=True)
class Permissions:
    """Sufficient permissions; an empty set permits no such caller."""

    own: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()
    application: frozenset[str] = frozenset()


_READ_ALL: Final = frozenset({"Presence.Read.All"})
_PROFILES: Final = frozenset({"User.ReadBasic.All", "User.Read.All"})
READ_PRESENCE: Final = Permissions(
    _READ_ALL | {"Presence.Read"}, _READ_ALL, _READ_ALL | {"Presence.ReadWrite.All"}
)
READ_PRESENCES: Final = Permissions(_READ_ALL, _READ_ALL, _READ_ALL)
WRITE_PRESENCE: Final = Permissions(
    own=frozenset({"Presence.ReadWrite"}), application=frozenset({"Presence.ReadWrite.All"})
)
WRITE_LOCATION: Final = Permissions(own=frozenset({"Presence.ReadWrite"}))
READ_PROFILE: Final = Permissions(_PROFILES | {"User.Read"}, _PROFILES, _PROFILES)
READ_PROFILES: Final = Permissions(_PROFILES, _PROFILES, _PROFILES)


def check_permission(
    caller: Caller, permissions: Permissions, person: Person | None, code: str = "Forbidden"
) -> None:
    """Require a permission for a person or others (None)."""
    if caller.person is None:
        sufficient = permissions.application
    else:
        sufficient = permissions.own if person is caller.person else permissions.others
    if not caller.permissions & sufficient:
        # Reports show that presence answers without a message.
        forbidden = code == "Forbidden"
        text = "" if forbidden else "Insufficient privileges to complete the operation."
        raise GraphError(403, code, text)
