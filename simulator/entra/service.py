"""Sign-in as Microsoft Entra does it: discovery, authorize, device code, tokens.

Built from the pages "OAuth 2.0 authorization code flow", "device authorization grant", "client credentials flow",
"Refresh tokens in the Microsoft identity platform" and "Microsoft Entra authentication and authorization error
codes". This module decides; `pages` shows what people see of it.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
import hashlib
import json
import secrets
from typing import Final, Literal
from urllib.parse import unquote, urlencode, urlsplit
from uuid import uuid4

from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
import jwt

from simulator.clock import Clock
from simulator.clouds import Deployment
from simulator.tenant import ADMIN_ONLY, DELEGATED, App, Person, Platform, Tenant
from simulator.wire import Form, Json, base64url, read_form

from .errors import SignInError

type Decision = Literal["accept", "deny", "cancel"]

ACCESS_TOKEN_LIFETIME: Final = timedelta(seconds=4200)
CODE_LIFETIME: Final = timedelta(minutes=10)
DEVICE_CODE_LIFETIME: Final = timedelta(minutes=15)
REFRESH_TOKEN_LIFETIME: Final = timedelta(days=90)
SPA_REFRESH_TOKEN_LIFETIME: Final = timedelta(hours=24)
DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

GRAPH_APP_ID: Final = "00000003-0000-0000-c000-000000000000"
OPENID_SCOPES: Final = frozenset({"openid", "profile", "email", "offline_access"})
SHARED_AUTHORITIES: Final = frozenset({"common", "organizations", "consumers"})
OUTSIDERS: Final = ("stranger", "personal")
"""Accounts outside of the tenant: of another organization, and a personal one."""


@dataclass(frozen=True)
class Scopes:
    """What a request asks for: Graph permissions, OpenID scopes, and how it spelled the former."""

    graph: frozenset[str] = frozenset()
    openid: frozenset[str] = frozenset()
    prefix: str = ""


@dataclass(frozen=True)
class Authorization:
    """A checked authorize request."""

    segment: str
    app: App
    redirect_uri: str
    platform: Platform
    scopes: Scopes
    response_mode: str
    state: str | None
    nonce: str | None
    challenge: str | None
    prompt: str
    login_hint: str | None

    def location(self, **fields: str) -> str:
        """Return where the browser goes; form_post is shown as a query."""
        if self.state is not None:
            fields["state"] = self.state
        mark = "#" if self.response_mode == "fragment" else "?"
        if mark in self.redirect_uri:
            mark = "&"
        return f"{self.redirect_uri}{mark}{urlencode(fields)}"


@dataclass(frozen=True)
class AskAccount:
    """The page asks who signs in."""


@dataclass(frozen=True)
class AskConsent:
    """The page asks whether the app may."""

    person: Person
    scopes: list[str]


@dataclass(frozen=True)
class Go:
    """The page is done."""

    location: str


@dataclass
class Code:
    """An authorization code."""

    request: Authorization
    person: Person
    expires: datetime
    redeemed: bool = False


@dataclass
class DeviceCode:
    """A device code and what became of it."""

    app: App
    segment: str
    scopes: Scopes
    user_code: str
    expires: datetime
    status: Literal["pending", "accepted", "declined", "redeemed"] = "pending"
    person: Person | None = None


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
    """Who calls Graph: an app, for a person or (person None) for itself."""

    app: App
    person: Person | None
    permissions: frozenset[str]


@cache
def _signing_key() -> rsa.RSAPrivateKey:
    # One key for all simulators of a process: making it is slow, and a token of another cloud must be refused
    # for its audience, not for its signature.
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


_KEY_ID: Final = "simulated-signing-key"


@dataclass
class Identity:
    """The sign-in service of one tenant in one cloud."""

    tenant: Tenant
    clock: Clock
    deployment: Deployment
    device_code_interval: int = 5
    """What the device endpoint tells clients to wait between polls, in seconds; not enforced."""
    codes: dict[str, Code] = field(default_factory=dict)
    device_codes: dict[str, DeviceCode] = field(default_factory=dict)
    refresh_tokens: dict[str, RefreshToken] = field(default_factory=dict)
    _generation: int = 0

    # Discovery

    def check_tenant(self, segment: str) -> None:
        """Refuse a tenant that is neither ours nor a shared authority."""
        if segment.lower() not in SHARED_AUTHORITIES | {self.tenant.id, self.tenant.domain}:
            raise SignInError(90002, segment)

    def discovery(self, segment: str) -> Json:
        """Return the OpenID configuration of an authority."""
        self.check_tenant(segment)
        shared = segment.lower() in SHARED_AUTHORITIES
        name = segment.lower() if shared else self.tenant.id
        base = f"{self.deployment.tls_url}/{name}"
        return {
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "token_endpoint_auth_methods_supported": [
                "client_secret_post",
                "private_key_jwt",
                "client_secret_basic",
            ],
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": self.issuer("{tenantid}" if shared else self.tenant.id),
            "request_uri_parameter_supported": False,
            "userinfo_endpoint": f"{self.deployment.resource}/oidc/userinfo",
            "authorization_endpoint": f"{self.deployment.url}/{name}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "http_logout_supported": True,
            "frontchannel_logout_supported": True,
            "end_session_endpoint": f"{self.deployment.url}/{name}/oauth2/v2.0/logout",
            "claims_supported": [
                "sub",
                "iss",
                "aud",
                "exp",
                "iat",
                "nonce",
                "preferred_username",
                "name",
                "tid",
                "ver",
            ],
            "tenant_region_scope": None,
            "cloud_instance_name": urlsplit(self.deployment.tls_url).netloc,
            "msgraph_host": urlsplit(self.deployment.resource).netloc,
        }

    def issuer(self, tenant_id: str) -> str:
        """Return the issuer of a tenant's tokens."""
        return f"{self.deployment.tls_url}/{tenant_id}/v2.0"

    def keys(self) -> Json:
        """Return the public signing key."""
        key: Json = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(_signing_key().public_key()))
        return {"keys": [key | {"use": "sig", "kid": _KEY_ID, "alg": "RS256"}]}

    # Authorize

    def read_authorization(self, segment: str, params: Form) -> Authorization:
        """Check an authorize request; what can't be trusted to go back stays on the page."""
        self.check_tenant(segment)
        app = self._app(segment, params.get("client_id", ""))
        redirect_uri = params.get("redirect_uri", "")
        platform = _platform(app, redirect_uri)
        if platform is None:
            raise SignInError(50011, redirect_uri)
        request = Authorization(
            segment,
            app,
            redirect_uri,
            platform,
            Scopes(),
            params.get("response_mode", "query"),
            params.get("state"),
            params.get("nonce"),
            params.get("code_challenge"),
            params.get("prompt", ""),
            params.get("login_hint"),
        )
        try:
            self._check_form(request, params)
            return replace(request, scopes=self.read_scopes(app, params.get("scope", "")))
        except SignInError as error:
            error.location = self.refused(request, error)
            raise

    def _check_form(self, request: Authorization, params: Form) -> None:
        if params.get("response_type") != "code":
            raise SignInError(9002313, "response_type", error="unsupported_response_type")
        if request.response_mode not in {"query", "fragment", "form_post"}:
            raise SignInError(9002313, "response_mode")
        if request.challenge is None:
            if request.platform != "web":
                raise SignInError(9002325)
        elif params.get("code_challenge_method") != "S256":
            raise SignInError(9002313, "code_challenge_method")
        if not params.get("scope"):
            raise SignInError(90014, "scope")

    def refused(self, request: Authorization, error: SignInError) -> str:
        """Return where the browser goes with a refusal."""
        body = error.body(self.clock.now())
        return request.location(
            error=error.kind.error, error_description=str(body["error_description"])
        )

    def step(
        self, request: Authorization, account: str | None, decision: Decision | None
    ) -> AskAccount | AskConsent | Go:
        """Take the authorize page one step further: account, consent, back to the app."""
        if decision == "cancel":
            return Go(request.location(error="access_denied", error_subcode="cancel"))
        return self._sign_in(request, account, decision)

    def _sign_in(
        self, request: Authorization, account: str | None, decision: Decision | None
    ) -> AskAccount | AskConsent | Go:
        silent = request.prompt == "none"
        if account is None and silent:
            hinted = self.tenant.find_by_address(request.login_hint or "")
            if hinted is None:
                return Go(self.refused(request, SignInError(50058)))
            account = hinted.key
        if account is None:
            return AskAccount()
        person = self.person_for(request.app, request.segment, account)
        missing = self.missing_consent(request.app, person, request.scopes)
        if decision == "deny":
            return Go(self.refused(request, SignInError(65004)))
        if silent and missing:
            return Go(self.refused(request, SignInError(65001, error="interaction_required")))
        asks = sorted(request.scopes.graph) if request.prompt == "consent" else missing
        if asks and decision is None:
            return AskConsent(person, asks)
        return Go(self._accepted(request, person))

    def _accepted(self, request: Authorization, person: Person) -> str:
        self.consent(request.app, person, request.scopes)
        code = secrets.token_urlsafe(48)
        self.codes[code] = Code(request, person, self.clock.now() + CODE_LIFETIME)
        return request.location(code=code, session_state=str(uuid4()))

    def person_for(self, app: App, segment: str, account: str) -> Person:
        """Return who signs in, or refuse the account for the app."""
        if account == "personal":
            raise SignInError(500200)
        person = self.tenant.people.get(account)
        if account in OUTSIDERS or (
            person and person.guest and segment.lower() in SHARED_AUTHORITIES
        ):
            raise SignInError(50020)
        if person is None:
            raise SignInError(50034, account)
        if not person.enabled:
            raise SignInError(50057)
        if app.assignment_required and person.key not in app.assigned:
            raise SignInError(50105)
        return person

    def missing_consent(self, app: App, person: Person, scopes: Scopes) -> list[str]:
        """Return what the consent page must ask, or refuse when only an administrator may answer."""
        missing = scopes.graph - self.tenant.granted(app, person)
        if missing and (self.tenant.user_consent == "blocked" or missing & ADMIN_ONLY):
            raise SignInError(90095 if self.tenant.admin_consent_requests else 90094)
        return sorted(missing)

    def consent(self, app: App, person: Person, scopes: Scopes) -> None:
        """Remember what somebody let an app do."""
        self.tenant.consents.setdefault((app.id, person.key), set()).update(scopes.graph)

    def consent_as_admin(self, segment: str, params: Form) -> str | None:
        """Grant an app all it declares, for everybody, and return where the browser goes.

        That is nowhere where the link names no redirect URI, as the page "Grant tenant-wide admin consent" has it.
        """
        app, redirect_uri = self.read_admin_consent(segment, params)
        app.admin_consented |= app.delegated
        if not redirect_uri:
            return None
        fields = {"admin_consent": "True", "tenant": self.tenant.id}
        if "state" in params:
            fields["state"] = params["state"]
        return f"{redirect_uri}?{urlencode(fields)}"

    def read_admin_consent(self, segment: str, params: Form) -> tuple[App, str]:
        """Check an admin-consent request: the app and its redirect URI, empty where there is none."""
        self.check_tenant(segment)
        app = self._app(segment, params.get("client_id", ""))
        redirect_uri = params.get("redirect_uri", "")
        if redirect_uri and _platform(app, redirect_uri) is None:
            raise SignInError(50011, redirect_uri)
        return app, redirect_uri

    # Device code

    def start_device_flow(self, segment: str, form: Form) -> Json:
        """Answer the device endpoint."""
        self.check_tenant(segment)
        app = self._app(segment, form.get("client_id", ""))
        if not form.get("scope"):
            raise SignInError(90014, "scope")
        scopes = self.read_scopes(app, form["scope"])
        device_code = secrets.token_urlsafe(64)
        user_code = "".join(secrets.choice("ABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(9))
        self.device_codes[device_code] = DeviceCode(
            app, segment, scopes, user_code, self.clock.now() + DEVICE_CODE_LIFETIME
        )
        page = f"{self.deployment.url}/device"
        return {
            "user_code": user_code,
            "device_code": device_code,
            "verification_uri": page,
            "expires_in": int(DEVICE_CODE_LIFETIME.total_seconds()),
            "interval": self.device_code_interval,
            "message": f"To sign in, open {page} and enter the code {user_code}.",
        }

    def find_device_code(self, user_code: str) -> DeviceCode:
        """Return the pending request that a person typed the code of."""
        wanted = user_code.strip().upper()
        found = next(
            (code for code in self.device_codes.values() if code.user_code == wanted), None
        )
        if found is None:
            raise SignInError(70018)
        if found.status != "pending":
            raise SignInError(90120)
        if self.clock.now() >= found.expires:
            raise SignInError(70019)
        return found

    def enter_device_code(self, user_code: str, account: str, decision: Decision) -> None:
        """Finish a device request; accepting also consents."""
        found = self.find_device_code(user_code)
        if decision != "accept":
            found.status = "declined"
            return
        person = self.person_for(found.app, found.segment, account)
        self.missing_consent(found.app, person, found.scopes)
        self.consent(found.app, person, found.scopes)
        found.person = person
        found.status = "accepted"

    # Tokens

    def token(self, segment: str, form: Form, origin: str | None) -> Json:
        """Answer the token endpoint."""
        self.check_tenant(segment)
        grants: dict[str, Callable[[str, App, Form, str | None], Json]] = {
            "authorization_code": self._redeem_code,
            "refresh_token": self._refresh,
            DEVICE_GRANT: self._redeem_device_code,
            "device_code": self._redeem_device_code,
            "client_credentials": self._client_credentials,
        }
        grant_type = form.get("grant_type")
        if not grant_type:
            raise SignInError(90014, "grant_type")
        if grant_type not in grants:
            raise SignInError(70003, grant_type)
        app = self._app(segment, form.get("client_id", ""))
        return grants[grant_type](segment, app, form, origin)

    def _redeem_code(self, segment: str, app: App, form: Form, origin: str | None) -> Json:
        for name in ("code", "redirect_uri"):
            if not form.get(name):
                raise SignInError(90014, name)
        code = self.codes.get(form["code"])
        if code is None:
            raise SignInError(9002313, "code", error="invalid_grant")
        request = code.request
        self._authenticate(app, request.platform, form, origin)
        self._check_code(code, app, form)
        if not self._same_authority(segment, request.segment):
            raise SignInError(700005)
        if request.challenge is not None:
            verifier = form.get("code_verifier", "")
            if code_challenge(verifier) != request.challenge:
                raise SignInError(501481)
        asked = self.read_scopes(app, form.get("scope", ""))
        if asked.graph - self.tenant.granted(app, code.person):
            raise SignInError(65001)
        code.redeemed = True
        return self._answer(
            app, code.person, request.scopes, request.platform, form, nonce=request.nonce
        )

    def _check_code(self, code: Code, app: App, form: Form) -> None:
        if code.redeemed:
            raise SignInError(54005)
        if self.clock.now() >= code.expires:
            raise SignInError(70008)
        if code.request.app is not app:
            raise SignInError(70000, "the code was issued to another application")
        if code.request.redirect_uri != form["redirect_uri"]:
            raise SignInError(70000, "the redirect URI is not the one of the code")

    def _redeem_device_code(self, segment: str, app: App, form: Form, origin: str | None) -> Json:
        if not app.public_client_flows:
            raise SignInError(7000218)
        self._authenticate(app, "public", form, origin)
        found = self.device_codes.get(form.get("device_code", ""))
        if found is None or found.app is not app:
            raise SignInError(70018)
        if found.status == "redeemed":
            raise SignInError(54005)
        if found.status == "declined":
            raise SignInError(65004, error="authorization_declined")
        if self.clock.now() >= found.expires:
            raise SignInError(70020)
        if found.person is None:
            raise SignInError(70016)
        if not self._same_authority(segment, found.segment):
            raise SignInError(700005)
        found.status = "redeemed"
        return self._answer(app, found.person, found.scopes, "public", form)

    def _refresh(self, segment: str, app: App, form: Form, origin: str | None) -> Json:
        del segment
        if not form.get("refresh_token"):
            raise SignInError(90014, "refresh_token")
        token = self.refresh_tokens.get(form["refresh_token"])
        if token is None:
            raise SignInError(9002313, "refresh_token", error="invalid_grant")
        self._authenticate(app, token.platform, form, origin)
        if token.app is not app:
            raise SignInError(70000, "the refresh token was issued to another application")
        self._check_refresh_token(token)
        scopes = token.scopes
        if form.get("scope"):
            scopes = self.read_scopes(app, form["scope"])
        if scopes.graph - self.tenant.granted(app, token.person):
            raise SignInError(65001)
        token.used = self.clock.now()
        started = token.issued if token.platform == "spa" else None
        scopes = replace(scopes, openid=scopes.openid | {"offline_access"})
        return self._answer(app, token.person, scopes, token.platform, form, started=started)

    def _check_refresh_token(self, token: RefreshToken) -> None:
        now = self.clock.now()
        if token.person.key not in self.tenant.people:
            raise SignInError(50034)
        if not token.person.enabled:
            raise SignInError(50057)
        if token.revoked:
            raise SignInError(50173)
        if token.platform == "spa" and now - token.issued >= SPA_REFRESH_TOKEN_LIFETIME:
            raise SignInError(700084)
        if now - token.used >= REFRESH_TOKEN_LIFETIME:
            raise SignInError(700082)

    def _client_credentials(self, segment: str, app: App, form: Form, origin: str | None) -> Json:
        del origin
        if segment.lower() in SHARED_AUTHORITIES:
            raise SignInError(9001023)
        if not (form.get("client_secret") or form.get("client_assertion")):
            raise SignInError(7000216)
        self._check_credential(app, form)
        if not form.get("scope", "").endswith("/.default"):
            raise SignInError(1002012, form.get("scope", ""))
        self.read_scopes(app, form["scope"])
        return self._bearer() | {"access_token": self._access_token(app, None, app.application)}

    def _authenticate(self, app: App, platform: Platform, form: Form, origin: str | None) -> None:
        """Check that the client proves itself as the platform of its redirect URI demands."""
        presented = bool(form.get("client_secret") or form.get("client_assertion"))
        if platform == "spa" and not origin:
            raise SignInError(9002327)
        if platform == "web":
            if not presented:
                raise SignInError(7000218)
            self._check_credential(app, form)
        elif presented:
            raise SignInError(700025)

    def _check_credential(self, app: App, form: Form) -> None:
        if form.get("client_assertion"):
            if form.get("client_assertion_type") != ASSERTION_TYPE:
                raise SignInError(9002313, "client_assertion_type")
            self._check_assertion(app, form["client_assertion"])
            return
        if not (app.secrets or app.certificates):
            raise SignInError(700025)
        secret = next(
            (known for known in app.secrets if known.value == form["client_secret"]), None
        )
        if secret is None:
            raise SignInError(7000215)
        if secret.expires and secret.expires <= self.clock.now():
            raise SignInError(7000222)

    def _check_assertion(self, app: App, assertion: str) -> None:
        try:
            header = jwt.get_unverified_header(assertion)
        except jwt.InvalidTokenError as error:
            raise SignInError(50027) from error
        certificate = next(
            (
                known
                for known in app.certificates
                # MSAL pads these, other libraries do not.
                if any(
                    str(header.get(name)).rstrip("=") == value
                    for name, value in known.key_ids().items()
                )
            ),
            None,
        )
        if certificate is None:
            raise SignInError(700027)
        base = self.deployment.tls_url
        audiences = [
            f"{base}/{name}/{end}"
            for name in (self.tenant.id, self.tenant.domain)
            for end in ("oauth2/v2.0/token", "v2.0")
        ]
        try:
            claims = jwt.decode(
                assertion,
                certificate.parsed.public_key(),  # type: ignore[arg-type]
                algorithms=["RS256", "PS256"],
                audience=audiences,
                options={
                    "require": ["exp", "iss", "sub", "aud"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except (jwt.InvalidSignatureError, InvalidSignature) as error:
            raise SignInError(700027) from error
        except jwt.InvalidTokenError as error:
            raise SignInError(50027) from error
        expires, now = claims["exp"], self.clock.source().timestamp()
        fresh = isinstance(expires, int | float) and expires > now
        if not fresh or (claims["iss"], claims["sub"]) != (app.id, app.id):
            raise SignInError(50027)

    def read_scopes(self, app: App, text: str) -> Scopes:
        """Parse a `scope` field; permissions of Graph only, by short or full name."""
        resources = (self.deployment.resource, self.deployment.tls_url, GRAPH_APP_ID)
        known = {name.lower(): name for name in DELEGATED}
        graph: set[str] = set()
        openid: set[str] = set()
        prefix = ""
        for item in text.split():
            if item.lower() in OPENID_SCOPES:
                openid.add(item.lower())
                continue
            resource, slash, name = item.rpartition("/")
            if resource and resource.rstrip("/") not in resources:
                raise SignInError(500011, resource)
            prefix = prefix or f"{resource}{slash}"
            if name == ".default":
                graph |= app.delegated
            elif name.lower() in known:
                graph.add(known[name.lower()])
            else:
                raise SignInError(70011, item)
        return Scopes(frozenset(graph), frozenset(openid), prefix)

    def _answer(
        self,
        app: App,
        person: Person,
        scopes: Scopes,
        platform: Platform,
        form: Form,
        *,
        nonce: str | None = None,
        started: datetime | None = None,
    ) -> Json:
        granted = self.tenant.granted(app, person)
        # Entra grants what was consented for the resource, not just what this request named.
        words = [f"{scopes.prefix}{name}" for name in sorted(granted)]
        if "openid" in scopes.openid:
            words += ["profile", "openid", "email"]
        answer = self._bearer() | {
            "scope": " ".join(words),
            "access_token": self._access_token(app, person, granted),
        }
        if "offline_access" in scopes.openid:
            now = self.clock.now()
            token = f"1.{secrets.token_urlsafe(96)}"
            self.refresh_tokens[token] = RefreshToken(
                app, person, platform, scopes, started or now, now
            )
            answer["refresh_token"] = token
        if "openid" in scopes.openid:
            answer["id_token"] = self._id_token(app, person, nonce)
        if form.get("client_info") == "1":
            info = json.dumps({"uid": person.id, "utid": self.tenant.id}).encode()
            answer["client_info"] = base64url(info)
        return answer

    def _bearer(self) -> Json:
        seconds = int(ACCESS_TOKEN_LIFETIME.total_seconds())
        return {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds}

    def _sign(self, claims: Json) -> str:
        # Tokens live in the clients' time, so that advancing the simulator does not break a session that no real
        # clock would have ended.
        issued = int(self.clock.source().timestamp())
        common: Json = {
            "iat": issued,
            "nbf": issued,
            "exp": issued + int(ACCESS_TOKEN_LIFETIME.total_seconds()),
            "iss": self.issuer(self.tenant.id),
            "tid": self.tenant.id,
            "ver": "2.0",
            "uti": secrets.token_urlsafe(16),
        }
        return jwt.encode(common | claims, _signing_key(), "RS256", headers={"kid": _KEY_ID})

    def _id_token(self, app: App, person: Person, nonce: str | None) -> str:
        claims: Json = {
            "aud": app.id,
            "name": person.name,
            "oid": person.id,
            "preferred_username": person.address,
            "sub": hashlib.sha256(f"{app.id}{person.id}".encode()).hexdigest()[:43],
        }
        return self._sign(claims | ({"nonce": nonce} if nonce else {}))

    def _access_token(self, app: App, person: Person | None, permissions: set[str]) -> str:
        claims: Json = {
            "aud": self.deployment.resource,
            "appid": app.id,
            "generation": self._generation,
        }
        if person:
            claims |= {"oid": person.id, "scp": " ".join(sorted(permissions)), "idtyp": "user"}
        else:
            claims |= {"roles": sorted(permissions), "idtyp": "app"}
        return self._sign(claims)

    def caller(self, token: str) -> Caller | None:
        """Return whom an access token speaks for, None when Graph must refuse it."""
        try:
            claims = jwt.decode(
                token,
                _signing_key().public_key(),
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
            return Caller(app, None, frozenset(claims["roles"]))
        person = self.tenant.find(claims["oid"])
        return Caller(app, person, frozenset(claims["scp"].split())) if person else None

    def revoke(self, person_key: str) -> None:
        """Refuse the refresh tokens that somebody has so far."""
        for token in self.refresh_tokens.values():
            token.revoked |= token.person.key == person_key

    def change_password(self, person_key: str) -> None:
        """Refuse the refresh tokens that public clients have of somebody; apps with a secret keep theirs."""
        for token in self.refresh_tokens.values():
            token.revoked |= token.person.key == person_key and token.platform == "public"

    def expire_access_tokens(self) -> None:
        """Let Graph refuse all access tokens issued so far."""
        self._generation += 1

    def _app(self, segment: str, client_id: str) -> App:
        app = self.tenant.apps.get(client_id.lower())
        if not client_id:
            raise SignInError(90014, "client_id")
        if app is None:
            raise SignInError(700016, client_id)
        if not app.enabled:
            raise SignInError(7000112)
        if segment.lower() == "consumers":
            raise SignInError(9002332)
        if segment.lower() in SHARED_AUTHORITIES and not app.multi_tenant:
            raise SignInError(50194)
        return app

    def _same_authority(self, one: str, other: str) -> bool:
        names = {self.tenant.id: "own", self.tenant.domain: "own"}
        return names.get(one.lower(), "shared") == names.get(other.lower(), "shared")


def code_challenge(verifier: str) -> str:
    """Hash a code verifier (PKCE, S256)."""
    return base64url(hashlib.sha256(verifier.encode()).digest())


def _platform(app: App, redirect_uri: str) -> Platform | None:
    """Find the platform that registers a URI; on a loopback host the port does not count."""
    wanted = _without_loopback_port(redirect_uri)
    for platform, registered in app.redirect_uris.items():
        if any(_without_loopback_port(uri) == wanted for uri in registered):
            return platform
    return None


def _without_loopback_port(uri: str) -> str:
    parts = urlsplit(uri)
    if parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1"}:
        return parts._replace(netloc=parts.hostname).geturl()
    return uri


def _basic(header: str) -> dict[str, str]:
    """Read the client's id and secret from an Authorization header (RFC 6749, section 2.3.1)."""
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic":
        return {}
    try:
        client_id, _, secret = base64.b64decode(credentials).decode().partition(":")
    except ValueError:
        return {}
    return {"client_id": unquote(client_id), "client_secret": unquote(secret)}


def routes(identity: Identity) -> list[web.RouteDef]:
    """Return the https endpoints."""

    def answer(decide: Callable[[], Json]) -> web.Response:
        try:
            return web.json_response(decide(), headers={"Cache-Control": "no-store"})
        except SignInError as error:
            return web.json_response(error.body(identity.clock.now()), status=error.kind.status)

    async def discovery(request: web.Request) -> web.Response:
        return answer(lambda: identity.discovery(request.match_info["tenant"]))

    async def keys(request: web.Request) -> web.Response:
        return answer(identity.keys)

    async def device_code(request: web.Request) -> web.Response:
        fields = await read_form(request)
        return answer(lambda: identity.start_device_flow(request.match_info["tenant"], fields))

    async def token(request: web.Request) -> web.Response:
        fields = _basic(request.headers.get("Authorization", "")) | await read_form(request)
        origin = request.headers.get("Origin")
        return answer(lambda: identity.token(request.match_info["tenant"], fields, origin))

    async def instance(request: web.Request) -> web.Response:
        host = urlsplit(identity.deployment.tls_url).netloc
        endpoint = f"{identity.deployment.tls_url}/common/v2.0/.well-known/openid-configuration"
        metadata = [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}]
        return web.json_response(
            {"tenant_discovery_endpoint": endpoint, "api-version": "1.1", "metadata": metadata}
        )

    return [
        web.get("/common/discovery/instance", instance),
        web.get("/{tenant}/v2.0/.well-known/openid-configuration", discovery),
        web.get("/{tenant}/discovery/v2.0/keys", keys),
        web.post("/{tenant}/oauth2/v2.0/devicecode", device_code),
        web.post("/{tenant}/oauth2/v2.0/token", token),
    ]
