"""Tokens: issue, revoke and check them."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
import hashlib
import json
import secrets
from typing import Final

import jwt

from simulator.clock import Clock
from simulator.clouds import Deployment
from simulator.tenant import App, Person, Platform, Tenant
from simulator.wire import Json, base64url

from .keys import KEY_ID, signing_key
from .scopes import Scopes

ACCESS_TOKEN_LIFETIME: Final = timedelta(seconds=4200)


@dataclass
class RefreshToken:
    """A refresh token; it stays valid after its use."""

    app: App
    person: Person
    platform: Platform
    scopes: Scopes
    issued: datetime
    used: datetime
    revoked: bool = False


@dataclass(frozen=True)
class Caller:
    """A caller of Graph; app-only without a person."""

    app: App
    person: Person | None
    permissions: frozenset[str]


@dataclass
class Tokens:
    """The tokens of one tenant."""

    tenant: Tenant
    clock: Clock
    deployment: Deployment
    refresh_tokens: dict[str, RefreshToken] = field(default_factory=dict)
    _generation: int = 0

    def issue(
        self,
        app: App,
        person: Person,
        scopes: Scopes,
        platform: Platform,
        *,
        client_info: bool,
        nonce: str | None = None,
        started: datetime | None = None,
    ) -> Json:
        """Issue tokens for a person; return the response."""
        granted = self.tenant.granted(app, person)
        # Entra grants what was consented for the resource, not just what this request named.
        names = [f"{scopes.prefix}{name}" for name in sorted(granted)]
        openid = ["profile", "openid", "email"] if "openid" in scopes.openid else []
        response = _bearer() | {
            "scope": " ".join([*names, *openid]),
            "access_token": self._access_token(app, person, granted | scopes.openid),
        }
        if "offline_access" in scopes.openid:
            now = self.clock.now()
            token = f"1.{secrets.token_urlsafe(96)}"
            self.refresh_tokens[token] = RefreshToken(
                app, person, platform, scopes, started or now, now
            )
            response["refresh_token"] = token
        if "openid" in scopes.openid:
            response["id_token"] = self._id_token(app, person, nonce, scopes.openid)
        if client_info:
            info = json.dumps({"uid": person.id, "utid": self.tenant.id}).encode()
            response["client_info"] = base64url(info)
        return response

    def issue_to_app(self, app: App) -> Json:
        """Issue an app-only access token; return the response."""
        return _bearer() | {"access_token": self._access_token(app, None, app.application)}

    def find_caller(self, token: str) -> Caller | None:
        """Find the caller of an access token, if valid."""
        try:
            claims = jwt.decode(
                token,
                signing_key().public_key(),
                algorithms=["RS256"],
                audience=self.deployment.resource,
                options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
        except jwt.InvalidTokenError:
            return None
        app = self.tenant.apps.get(claims["appid"])
        fresh = claims["exp"] > self.clock.source().timestamp()
        if app is None or not fresh or claims["generation"] != self._generation:
            return None
        if claims["idtyp"] == "app":
            return Caller(app, None, frozenset(claims.get("roles", ())))
        person = self.tenant.find(claims["oid"])
        return Caller(app, person, frozenset(claims["scp"].split())) if person else None

    def revoke(self, person_key: str) -> None:
        """Revoke a person's refresh tokens."""
        for token in self.refresh_tokens.values():
            token.revoked |= token.person.key == person_key

    def change_password(self, person_key: str) -> None:
        """Revoke a person's refresh tokens of public clients."""
        for token in self.refresh_tokens.values():
            token.revoked |= token.person.key == person_key and token.platform == "public"

    def expire_access_tokens(self) -> None:
        """Expire all access tokens issued so far."""
        self._generation += 1

    def _access_token(self, app: App, person: Person | None, permissions: set[str]) -> str:
        claims: Json = {
            "aud": self.deployment.resource,
            "appid": app.id,
            "generation": self._generation,
        }
        if person:
            scp = " ".join(sorted(permissions - {"offline_access"}))
            claims |= {"oid": person.id, "scp": scp, "idtyp": "user", "sub": subject(app, person)}
        else:
            claims["idtyp"] = "app"
            if permissions:
                claims["roles"] = sorted(permissions)
        # Graph takes tokens of version 1.0.
        issuer = f"https://sts.windows.net/{self.tenant.id}/"
        return self._sign(claims | {"ver": "1.0", "iss": issuer})

    def _id_token(self, app: App, person: Person, nonce: str | None, scopes: frozenset[str]) -> str:
        claims: Json = {"aud": app.id, "sub": subject(app, person)}
        if "profile" in scopes:
            claims |= {
                "name": person.name,
                "oid": person.id,
                "preferred_username": person.address,
            }
        # A guest's is present by default.
        if "email" in scopes or person.guest:
            claims["email"] = person.address
        return self._sign(claims | ({"nonce": nonce} if nonce else {}))

    def _sign(self, claims: Json) -> str:
        # Tokens live in the clients' time, so that advancing the simulator does not break a session that no real
        # clock would have ended.
        issued = int(self.clock.source().timestamp())
        common: Json = {
            "iat": issued,
            "nbf": issued,
            "exp": issued + int(ACCESS_TOKEN_LIFETIME.total_seconds()),
            "iss": self.deployment.issuer(self.tenant.id),
            "tid": self.tenant.id,
            "ver": "2.0",
            "uti": secrets.token_urlsafe(16),
        }
        return jwt.encode(common | claims, signing_key(), "RS256", headers={"kid": KEY_ID})


def subject(app: App, person: Person) -> str:
    """Identify a person to one app only."""
    return hashlib.sha256(f"{app.id}{person.id}".encode()).hexdigest()[:43]


def _bearer() -> Json:
    seconds = int(ACCESS_TOKEN_LIFETIME.total_seconds())
    return {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds}
