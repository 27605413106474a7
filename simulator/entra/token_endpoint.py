"""The token endpoint and its grants."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from simulator.clock import Clock
from simulator.clouds import Deployment
from simulator.tenant import App, Platform, Tenant
from simulator.wire import Form, Json

from .authorities import Authorities, is_shared
from .authorize import AuthorizationCode, AuthorizeEndpoint, code_challenge
from .client_authentication import ClientAuthentication
from .device_code import DeviceCodeEndpoint
from .errors import SignInError, reject_resource, require
from .scopes import parse_scopes
from .tokens import RefreshToken, Tokens

DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
REFRESH_TOKEN_LIFETIME: Final = timedelta(days=90)
SPA_REFRESH_TOKEN_LIFETIME: Final = timedelta(hours=24)


@dataclass(frozen=True)
class TokenRequest:
    """A token request of a known app."""

    authority: str
    app: App
    form: Form
    origin: str | None

    @property
    def client_info(self) -> bool:
        """Whether the client asks for `client_info`, as MSAL does."""
        return self.form.get("client_info") == "1"


@dataclass
class TokenEndpoint:
    """The token endpoint."""

    tenant: Tenant
    clock: Clock
    deployment: Deployment
    authorities: Authorities
    authorize_endpoint: AuthorizeEndpoint
    device_code_endpoint: DeviceCodeEndpoint
    authentication: ClientAuthentication
    tokens: Tokens

    def respond(self, authority: str, form: Form, origin: str | None) -> Json:
        """Respond to a token request."""
        self.authorities.check(authority)
        grants: dict[str, Callable[[TokenRequest], Json]] = {
            "authorization_code": self._redeem_code,
            "refresh_token": self._refresh,
            DEVICE_GRANT: self._redeem_device_code,
            "client_credentials": self._client_credentials,
        }
        require(form, "grant_type")
        grant_type = form["grant_type"]
        if grant_type not in grants:
            raise SignInError(70003, grant_type)
        reject_resource(form)
        app = self.authorities.find_app(authority, form.get("client_id", ""))
        return grants[grant_type](TokenRequest(authority, app, form, origin))

    def _redeem_code(self, request: TokenRequest) -> Json:
        require(request.form, "code", "redirect_uri")
        code = self.authorize_endpoint.codes.get(request.form["code"])
        if code is None:
            raise SignInError(9002313, "code", error="invalid_grant")
        authorized = code.request
        self._authenticate(request, authorized.platform)
        self._check_code(code, request)
        if not self.authorities.are_same(request.authority, authorized.authority):
            raise SignInError(700005)
        if authorized.challenge is not None:
            verifier = request.form.get("code_verifier", "")
            if code_challenge(verifier, authorized.challenge_method) != authorized.challenge:
                raise SignInError(501481)
        requested = parse_scopes(request.form.get("scope", ""), request.app, self.deployment)
        if requested.missing(self.tenant.granted(request.app, code.person)):
            raise SignInError(65001, error="consent_required")
        code.redeemed = True
        return self.tokens.issue(
            request.app,
            code.person,
            authorized.scopes,
            authorized.platform,
            client_info=request.client_info,
            nonce=authorized.nonce,
        )

    def _check_code(self, code: AuthorizationCode, request: TokenRequest) -> None:
        if code.redeemed:
            raise SignInError(54005)
        if self.clock.now() >= code.expires:
            raise SignInError(70008)
        if code.request.app is not request.app:
            raise SignInError(70000, "the code was issued to another application")
        if code.request.redirect_uri != request.form["redirect_uri"]:
            raise SignInError(70000, "the redirect URI is not the one of the code")

    def _redeem_device_code(self, request: TokenRequest) -> Json:
        require(request.form, "device_code")
        if not request.app.public_client_flows:
            raise SignInError(7000218)
        self._authenticate(request, "public")
        code = self.device_code_endpoint.codes.get(request.form["device_code"])
        if code is None or code.app is not request.app:
            raise SignInError(70018)
        if code.status == "redeemed":
            raise SignInError(54005)
        if code.status == "declined":
            raise SignInError(65004, error="authorization_declined")
        if self.clock.now() >= code.expires:
            raise SignInError(70020)
        if code.person is None:
            raise SignInError(70016)
        if not self.authorities.are_same(request.authority, code.authority):
            raise SignInError(700005)
        code.status = "redeemed"
        return self.tokens.issue(
            request.app, code.person, code.scopes, "public", client_info=request.client_info
        )

    def _refresh(self, request: TokenRequest) -> Json:
        require(request.form, "refresh_token")
        token = self.tokens.refresh_tokens.get(request.form["refresh_token"])
        if token is None:
            raise SignInError(9002313, "refresh_token", error="invalid_grant")
        self._authenticate(request, token.platform)
        if token.app is not request.app:
            raise SignInError(70000, "the refresh token was issued to another application")
        self._check_refresh_token(token)
        scopes = token.scopes
        if request.form.get("scope"):
            scopes = parse_scopes(request.form["scope"], request.app, self.deployment)
        if scopes.missing(self.tenant.granted(request.app, token.person)):
            raise SignInError(65001)
        token.used = self.clock.now()
        return self.tokens.issue(
            request.app,
            token.person,
            replace(scopes, openid=scopes.openid | {"offline_access"}),
            token.platform,
            client_info=request.client_info,
            started=token.issued if token.platform == "spa" else None,
        )

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

    def _client_credentials(self, request: TokenRequest) -> Json:
        app, form = request.app, request.form
        if is_shared(request.authority):
            raise SignInError(9001023)
        require(request.form, "scope")
        if request.origin:
            raise SignInError(9002326)
        if not (form.get("client_secret") or form.get("client_assertion")):
            raise SignInError(7000216)
        self.authentication.check_credential(app, form)
        if not form["scope"].endswith("/.default"):
            raise SignInError(1002012, form["scope"])
        parse_scopes(form["scope"], app, self.deployment)
        return self.tokens.issue_to_app(app)

    def _authenticate(self, request: TokenRequest, platform: Platform) -> None:
        self.authentication.check(request.app, platform, request.form, request.origin)
