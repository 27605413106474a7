"""Sign-in errors: AADSTS codes, OAuth errors, response bodies."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import uuid4

from simulator.wire import Form


@dataclass(frozen=True)
class SignInErrorKind:
    """OAuth error, text and HTTP status of a code."""

    error: str
    text: str
    status: int = 400
    suberror: str = ""


# The codes are those of Microsoft's error reference; most of the texts are ours.
SIGN_IN_ERRORS: Final[dict[int, SignInErrorKind]] = {
    50011: SignInErrorKind("invalid_request", "The redirect URI in the request is not registered for the application."),
    50020: SignInErrorKind("invalid_grant", "This account does not exist in the tenant and can't use the application there."),
    50027: SignInErrorKind("invalid_client", "The client assertion is malformed or expired.", status=401),
    50034: SignInErrorKind("invalid_grant", "The account does not exist in the directory."),
    50048: SignInErrorKind("invalid_client", "The subject of the client assertion is not its issuer.", status=401),
    50049: SignInErrorKind("invalid_instance", "The instance is unknown or not valid."),
    50050: SignInErrorKind("invalid_request", "The discovery request is malformed."),
    50053: SignInErrorKind("invalid_grant", "The account is locked."),
    50055: SignInErrorKind("invalid_grant", "The password has expired."),
    50057: SignInErrorKind("invalid_grant", "The account is disabled."),
    50058: SignInErrorKind("login_required", "No user is signed in, and the request does not allow a prompt."),
    50059: SignInErrorKind("invalid_request", "The request names no tenant."),
    50072: SignInErrorKind("interaction_required", "The person must register for multifactor authentication.", suberror="basic_action"),
    50074: SignInErrorKind("interaction_required", "Strong authentication is required.", suberror="basic_action"),
    50076: SignInErrorKind("interaction_required", "Multifactor authentication is required.", suberror="basic_action"),
    50079: SignInErrorKind("interaction_required", "The person must enroll for multifactor authentication.", suberror="basic_action"),
    50097: SignInErrorKind("interaction_required", "Device authentication is required.", suberror="basic_action"),
    50105: SignInErrorKind("invalid_grant", "The person is not assigned to a role for the application."),
    50132: SignInErrorKind("invalid_grant", "The session is not valid any more because the password changed.", suberror="bad_token"),
    50133: SignInErrorKind("invalid_grant", "The session is not valid any more because the password expired or changed.", suberror="bad_token"),
    50134: SignInErrorKind("invalid_grant", "The device flow was started in another data center."),
    50173: SignInErrorKind("invalid_grant", "The grant was revoked; a fresh sign-in is needed.", suberror="bad_token"),
    50147: SignInErrorKind("invalid_request", "The code challenge is missing."),
    50194: SignInErrorKind("invalid_request", "The application is not multi-tenant; use the tenant's own endpoint."),
    50196: SignInErrorKind("invalid_grant", "The client runs in a request loop."),
    53000: SignInErrorKind("interaction_required", "The device does not comply with the policies.", suberror="message_only"),
    53001: SignInErrorKind("interaction_required", "The device is not joined to the domain.", suberror="message_only"),
    53003: SignInErrorKind("access_denied", "Conditional Access policies block the access.", suberror="message_only"),
    54005: SignInErrorKind("invalid_grant", "The code was already redeemed."),
    65001: SignInErrorKind("invalid_grant", "The person or an administrator has not consented to the application.", suberror="consent_required"),
    65004: SignInErrorKind("access_denied", "The person declined to consent to the application."),
    70000: SignInErrorKind("invalid_grant", "The grant is not valid."),
    70001: SignInErrorKind("unauthorized_client", "The application is disabled."),
    70003: SignInErrorKind("unsupported_grant_type", "The grant type is not supported."),
    70005: SignInErrorKind("unsupported_response_type", "The response type is not supported."),
    70007: SignInErrorKind("invalid_request", "The response mode is not supported."),
    70008: SignInErrorKind("invalid_grant", "The code or refresh token has expired.", suberror="token_expired"),
    70011: SignInErrorKind("invalid_scope", "The scope is not valid."),
    70016: SignInErrorKind("authorization_pending", "The person has not finished signing in."),
    70018: SignInErrorKind("bad_verification_code", "The device code is not valid."),
    70019: SignInErrorKind("expired_token", "The device code has expired."),
    70020: SignInErrorKind("expired_token", "The device code has expired."),
    70043: SignInErrorKind("invalid_grant", "The refresh token has expired by a sign-in frequency policy.", suberror="bad_token"),
    90002: SignInErrorKind("invalid_tenant", "The tenant was not found. Check the tenant and the cloud."),
    90014: SignInErrorKind("invalid_request", "A required field is missing."),
    90023: SignInErrorKind("invalid_request", "The request is not valid."),
    90033: SignInErrorKind("temporarily_unavailable", "A transient error occurred. Try again.", status=503),
    90038: SignInErrorKind("invalid_request", "The tenant belongs to another national cloud."),
    90055: SignInErrorKind("temporarily_unavailable", "There were too many requests.", status=429),
    90090: SignInErrorKind("temporarily_unavailable", "Graph could not be reached. Try again.", status=503),
    90094: SignInErrorKind("consent_required", "An administrator must consent to the application."),
    90095: SignInErrorKind("consent_required", "An administrator must consent; a request for it can be sent."),
    90120: SignInErrorKind("invalid_request", "The device request was already authorized or declined."),
    90124: SignInErrorKind("invalid_request", "The resource is not supported at /common or /consumers."),
    90130: SignInErrorKind("invalid_request", "The application is not supported at /common or /consumers."),
    500011: SignInErrorKind("invalid_resource", "The resource does not exist in the tenant."),
    500200: SignInErrorKind("invalid_request", "The account is a personal one; the application requires a work or school account."),
    500208: SignInErrorKind("invalid_request", "The domain is not a valid login domain for the account type."),
    501481: SignInErrorKind("invalid_grant", "The code verifier does not match the code challenge."),
    501491: SignInErrorKind("invalid_request", "The size of the code challenge is not valid."),
    530003: SignInErrorKind("access_denied", "The device must be managed.", suberror="message_only"),
    530032: SignInErrorKind("access_denied", "A security policy of the tenant blocks the access.", suberror="message_only"),
    530035: SignInErrorKind("access_denied", "Security defaults block the access.", suberror="message_only"),
    650056: SignInErrorKind("access_denied", "The application is misconfigured: its permissions are not listed or consented."),
    700005: SignInErrorKind("invalid_grant", "The code was issued for another tenant."),
    700016: SignInErrorKind("unauthorized_client", "The application was not found in the directory."),
    700025: SignInErrorKind("invalid_client", "The client is public, so neither secret nor assertion may be presented.", status=401),
    700027: SignInErrorKind("invalid_client", "The client assertion's signature is not valid or its certificate is not registered.", status=401),
    700054: SignInErrorKind("unsupported_response_type", "The response type 'id_token' is not enabled for the application."),
    700082: SignInErrorKind("invalid_grant", "The refresh token has expired for inactivity.", suberror="bad_token"),
    700084: SignInErrorKind("invalid_grant", "The refresh token was issued to a single page app and has expired.", suberror="bad_token"),
    900144: SignInErrorKind("invalid_request", "The request body lacks a required parameter."),
    900561: SignInErrorKind("invalid_request", "The endpoint only accepts POST requests."),
    900971: SignInErrorKind("invalid_request", "The request has no reply address."),
    901002: SignInErrorKind("invalid_request", "The parameter 'resource' is not supported."),
    1002012: SignInErrorKind("invalid_scope", "Client credentials need a scope that ends in /.default."),
    7000112: SignInErrorKind("unauthorized_client", "The application is disabled."),
    7000215: SignInErrorKind("invalid_client", "The client secret is not valid. Send the secret's value, not its id.", status=401),
    7000216: SignInErrorKind("invalid_client", "This grant needs a client secret or a client assertion.", status=401),
    7000218: SignInErrorKind("invalid_client", "The request must contain a client secret or a client assertion.", status=401),
    7000222: SignInErrorKind("invalid_client", "The client secret has expired.", status=401),
    9001023: SignInErrorKind("invalid_request", "The grant is not supported at this endpoint; use the tenant's own."),
    9002313: SignInErrorKind("invalid_request", "The request is malformed."),
    9002325: SignInErrorKind("invalid_request", "Proof Key for Code Exchange is required."),
    9002326: SignInErrorKind("invalid_request", "Cross-origin redemption is only for single page apps."),
    9002327: SignInErrorKind("invalid_request", "A single page app's token is only for cross-origin requests."),
    9002332: SignInErrorKind("invalid_request", "The application is for work or school accounts, not for /consumers."),
}  # fmt: skip


class SignInError(Exception):
    """A sign-in error; `location` is its redirect."""

    def __init__(
        self,
        code: int,
        detail: str = "",
        *,
        error: str = "",
        suberror: str = "",
        location: str | None = None,
    ) -> None:
        """Initialize; a code outside SIGN_IN_ERRORS needs an `error`."""
        kind = SIGN_IN_ERRORS.get(
            code, SignInErrorKind("invalid_grant", "The request was rejected.")
        )
        self.kind = replace(kind, error=error or kind.error, suberror=suberror or kind.suberror)
        self.code = code
        self.text = f"AADSTS{code}: {kind.text}{f' ({detail})' if detail else ''}"
        self.location = location
        super().__init__(self.text)

    def body(self, now: datetime, correlation: str = "") -> dict[str, object]:
        """Build the response body of token and device endpoints."""
        trace, correlation = str(uuid4()), correlation or str(uuid4())
        stamp = f"{now:%Y-%m-%d %H:%M:%S}Z"
        description = (
            f"{self.text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {stamp}"
        )
        body: dict[str, object] = {
            "error": self.kind.error,
            "error_description": description,
            "error_codes": [self.code],
            "timestamp": stamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={self.code}",
        }
        if self.kind.suberror:
            body["suberror"] = self.kind.suberror
        return body


def require(params: Form, *names: str) -> None:
    """Require parameters."""
    for name in names:
        if not params.get(name):
            raise SignInError(900144, name)


def reject_resource(params: Form) -> None:
    """Reject the parameter that scopes have replaced."""
    if "resource" in params:
        raise SignInError(901002)
