"""Scopes: Graph's delegated permissions, and those of OpenID Connect."""

from collections.abc import Set
from dataclasses import dataclass
from typing import Final

from simulator.clouds import Deployment
from simulator.tenant import DELEGATED, App

from .errors import SignInError

GRAPH_APP_ID: Final = "00000003-0000-0000-c000-000000000000"
OPENID_SCOPES: Final = frozenset({"openid", "profile", "email", "offline_access"})


@dataclass(frozen=True)
class Scopes:
    """Requested scopes, and the prefix of Graph's."""

    graph: frozenset[str] = frozenset()
    openid: frozenset[str] = frozenset()
    prefix: str = ""
    default: bool = False
    """Whether Graph's were requested as `.default`."""

    def missing(self, granted: Set[str]) -> frozenset[str]:
        """Return the permissions that need consent."""
        # With any permission granted, .default requests those that are.
        return frozenset() if self.default and granted else self.graph - granted


def parse_scopes(text: str, app: App, deployment: Deployment) -> Scopes:
    """Parse a `scope` field with short or full names."""
    resources = (deployment.resource, deployment.tls_url, GRAPH_APP_ID)
    known = {name.lower(): name for name in DELEGATED}
    graph: set[str] = set()
    openid: set[str] = set()
    prefix = ""
    default = False
    for item in text.split():
        if item.lower() in OPENID_SCOPES:
            openid.add(item.lower())
            continue
        resource, slash, name = item.rpartition("/")
        if resource and resource.rstrip("/") not in resources:
            raise SignInError(500011, resource)
        prefix = prefix or f"{resource}{slash}"
        if name == ".default":
            default = True
        elif name.lower() in known:
            graph.add(known[name.lower()])
        else:
            raise SignInError(70011, item)
    if default and graph:
        raise SignInError(70011, ".default can't be combined with other scopes")
    if default:
        graph |= app.delegated
    return Scopes(frozenset(graph), frozenset(openid), prefix, default)
