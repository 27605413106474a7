"""What Entra's errors mean and how to resolve them: one table.

https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
import re
from typing import Any, Final, Self


class Resolution(Enum):
    """Who or what can resolve an error."""

    ADMIN = auto()
    """Someone else has to allow it, usually an administrator."""
    RECONFIGURE = auto()
    """The app registration has to be changed here or at Microsoft."""
    REAUTH = auto()
    """The user has to sign in again."""
    RETRY = auto()
    """It passes by itself."""
    UNKNOWN = auto()
    """Retried rarely; the code is shown to be searched for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SignInErrorKind:
    """One meaning of Entra's errors."""

    resolution: Resolution
    aadsts_codes: tuple[int, ...] = ()
    oauth_errors: tuple[str, ...] = ()
    field: str = "base"
    """The field of the form that it concerns."""
    browser_may_work: bool = False
    """Whether the browser may succeed if the device code is rejected."""


# The keys are those of the sentences under `config.error` in the translations. Microsoft reserves the
# right to change its AADSTS codes: an unlisted one is looked up by the OAuth error that came with it.
SIGN_IN_ERRORS: Final[dict[str, SignInErrorKind]] = {
    "account_disabled": SignInErrorKind(
        aadsts_codes=(
            *(50034, 50053, 50055, 50056, 50057, 50064, 50125, 50126),
            *(50135, 50144, 50197, 54000, 120000, 120002, 120003, 120004, 120005, 120008, 120011),
            *(120012, 120013, 120014, 120015, 120016, 120018, 120020, 120021),
        ),
        resolution=Resolution.REAUTH,
    ),
    "admin_consent_missing": SignInErrorKind(
        aadsts_codes=(90093, 90094, 90095, 90099), resolution=Resolution.ADMIN
    ),
    "app_disabled": SignInErrorKind(
        aadsts_codes=(1000031, 7000112), field="client_id", resolution=Resolution.RECONFIGURE
    ),
    "app_misconfigured": SignInErrorKind(
        aadsts_codes=(50001, 65005, 500011, 650052, 650054, 650056, 650057),
        resolution=Resolution.ADMIN,
    ),
    "app_not_found": SignInErrorKind(
        aadsts_codes=(70001, 700011, 700016),
        oauth_errors=("unauthorized_client",),
        field="client_id",
        resolution=Resolution.RECONFIGURE,
    ),
    "application_consent_missing": SignInErrorKind(resolution=Resolution.ADMIN),
    "blocked_by_policy": SignInErrorKind(
        aadsts_codes=(
            *(50002, 50005, 50097, 50127, 50129, 50131, 50155, 50187, 53000, 53001, 53002),
            *(53003, 53010, 53011, 80012, 130007, 135011, 500021, 500022, 500212, 500213),
            *(530003, 530032, 530034, 530035),
        ),
        resolution=Resolution.ADMIN,
        browser_may_work=True,
    ),
    "cannot_connect": SignInErrorKind(resolution=Resolution.RETRY),
    "certificate_encrypted": SignInErrorKind(
        field="certificate", resolution=Resolution.RECONFIGURE
    ),
    "certificate_expired": SignInErrorKind(field="certificate", resolution=Resolution.RECONFIGURE),
    "certificate_not_rsa": SignInErrorKind(
        aadsts_codes=(50032,), field="certificate", resolution=Resolution.RECONFIGURE
    ),
    "certificate_unreadable": SignInErrorKind(
        field="certificate", resolution=Resolution.RECONFIGURE
    ),
    "certificate_without_key": SignInErrorKind(
        field="certificate", resolution=Resolution.RECONFIGURE
    ),
    "certificate_wrong": SignInErrorKind(
        aadsts_codes=(50012, 50013, 50027, 50048, 700021, 700023, 700027, 700030, 900384),
        field="certificate",
        resolution=Resolution.RECONFIGURE,
    ),
    "client_refused": SignInErrorKind(
        oauth_errors=("invalid_client",), resolution=Resolution.RECONFIGURE
    ),
    "clock_wrong": SignInErrorKind(aadsts_codes=(700024,), resolution=Resolution.UNKNOWN),
    "consent_denied": SignInErrorKind(
        aadsts_codes=(65004,),
        oauth_errors=("access_denied", "authorization_declined"),
        resolution=Resolution.REAUTH,
    ),
    "consent_missing": SignInErrorKind(
        aadsts_codes=(50015, 65001, 90008, 9002341),
        oauth_errors=("consent_required",),
        resolution=Resolution.ADMIN,
    ),
    "device_code_expired": SignInErrorKind(
        aadsts_codes=(70018, 70019, 70020, 90119),
        oauth_errors=("code_expired", "expired_token"),
        resolution=Resolution.REAUTH,
    ),
    "graph_unavailable": SignInErrorKind(resolution=Resolution.RETRY),
    "guest_account": SignInErrorKind(
        aadsts_codes=(16000, 16003, 50014, 50020, 51004, 90072, 90084, 1000104),
        field="tenant",
        resolution=Resolution.RECONFIGURE,
    ),
    "interaction_required": SignInErrorKind(
        aadsts_codes=(
            *(50058, 50072, 50074, 50076, 50078, 50079, 50086, 50140, 50158, 50168, 50192),
            *(50199, 53004, 500121, 700020),
        ),
        oauth_errors=("interaction_required", "login_required"),
        resolution=Resolution.REAUTH,
        browser_may_work=True,
    ),
    "microsoft_app": SignInErrorKind(
        aadsts_codes=(65002,), field="client_id", resolution=Resolution.RECONFIGURE
    ),
    "microsoft_unavailable": SignInErrorKind(
        aadsts_codes=(
            *(50000, 50033, 50087, 50088, 50166, 50196, 90006, 90012, 90024, 90033, 90036),
            *(90055, 90090, 90091, 90092, 230109),
        ),
        oauth_errors=("server_error", "temporarily_unavailable"),
        resolution=Resolution.RETRY,
    ),
    "no_presence": SignInErrorKind(resolution=Resolution.RECONFIGURE),
    "not_assigned": SignInErrorKind(aadsts_codes=(50105,), resolution=Resolution.ADMIN),
    # Federation, the organization's own password checks, and certificates of its people.
    "organization_sign_in_failed": SignInErrorKind(
        aadsts_codes=(
            *(20001, 20012, 20033, 40008, 40010, 50006, 50008, 50017, 50107, 50161, 50169),
            *(50170, 50177, 50178, 50180, 51006, 80001, 80002, 80005, 80007, 80010, 80013),
            *(80014, 81004, 81005, 81006, 81007, 81009, 81010, 81011, 81012, 90081, 90082),
            *(90085, 90087, 90123, 220501, 5000819),
        ),
        resolution=Resolution.UNKNOWN,
    ),
    "personal_account": SignInErrorKind(
        aadsts_codes=(50136, 70012, 90027, 500200, 500208, 9002332),
        resolution=Resolution.REAUTH,
    ),
    "public_client_refused": SignInErrorKind(
        aadsts_codes=(7000218,), field="client_secret", resolution=Resolution.RECONFIGURE
    ),
    "redirect_refused": SignInErrorKind(
        aadsts_codes=(50011, 70004, 90102, 500113, 900971), resolution=Resolution.RECONFIGURE
    ),
    "registered_for_people": SignInErrorKind(field="client_id", resolution=Resolution.RECONFIGURE),
    "request_refused": SignInErrorKind(
        aadsts_codes=(
            *(28002, 28003, 50147, 70003, 70005, 70007, 70011, 90004, 90005, 90013, 90014),
            *(90015, 90023, 90056, 90100, 90117, 90121, 501491, 700022, 700054, 900144),
            *(901002, 9002313),
        ),
        oauth_errors=("invalid_scope",),
        resolution=Resolution.UNKNOWN,
    ),
    "secret_expired": SignInErrorKind(
        aadsts_codes=(7000222,), field="client_secret", resolution=Resolution.RECONFIGURE
    ),
    "secret_not_wanted": SignInErrorKind(
        aadsts_codes=(700025,), field="client_secret", resolution=Resolution.RECONFIGURE
    ),
    "secret_wrong": SignInErrorKind(
        aadsts_codes=(70002, 7000215), field="client_secret", resolution=Resolution.RECONFIGURE
    ),
    "session_ended": SignInErrorKind(
        aadsts_codes=(
            *(16001, 16002, 40009, 40015, 50085, 50089, 50132, 50133, 50139, 50143, 50173),
            *(70000, 70008, 70043, 90007, 140001, 160021, 700082, 700084),
        ),
        oauth_errors=("invalid_grant",),
        resolution=Resolution.REAUTH,
    ),
    "sign_in_failed": SignInErrorKind(resolution=Resolution.UNKNOWN),
    "spa_platform": SignInErrorKind(aadsts_codes=(9002327,), resolution=Resolution.RECONFIGURE),
    "tenant_not_found": SignInErrorKind(
        aadsts_codes=(50029, 50059, 50128, 90002, 90019, 900023),
        oauth_errors=("invalid_tenant",),
        field="tenant",
        resolution=Resolution.RECONFIGURE,
    ),
    "try_again": SignInErrorKind(
        aadsts_codes=(50134, 54005, 90120, 501481, 900561),
        oauth_errors=("bad_verification_code",),
        resolution=Resolution.REAUTH,
    ),
    "unexpected_answer": SignInErrorKind(resolution=Resolution.RETRY),
    "wrong_cloud": SignInErrorKind(
        aadsts_codes=(90038, 90043, 90051, 900382, 900432),
        field="cloud",
        resolution=Resolution.RECONFIGURE,
    ),
    "wrong_tenant": SignInErrorKind(
        aadsts_codes=(50194, 90124, 90130, 700005, 9001023),
        field="tenant",
        resolution=Resolution.RECONFIGURE,
    ),
}

# Beside those of `Resolution.ADMIN`: what an administrator can undo without the user.
_UP_TO_OTHERS: Final = frozenset({"account_disabled", "app_disabled", "public_client_refused"})

# Entra's answer for a few minutes to an app that asks too often.
_REQUEST_LOOP: Final = "AADSTS50196"

_REASON_OF_AADSTS_CODE: Final = {
    code: reason for reason, kind in SIGN_IN_ERRORS.items() for code in kind.aadsts_codes
}
_REASON_OF_OAUTH_ERROR: Final = {
    error: reason for reason, kind in SIGN_IN_ERRORS.items() for error in kind.oauth_errors
}
_AADSTS_CODE: Final = re.compile(r"AADSTS\W{0,3}(\d{5,8})\b", re.IGNORECASE)
# In the sign-in log, and in the address of the page about an error.
_LABELED_CODE: Final = re.compile(r"\bcode\W{0,3}(\d{5,8})(?![\w-])", re.IGNORECASE)
_BARE_CODE: Final = re.compile(r"\W*(\d{5,8})\W*")
# An OAuth error is one word; anything else in its place must not get into a text of ours.
_NOT_IN_AN_ERROR: Final = re.compile(r"[^a-z_]")
_MAX_ERROR: Final = 40


class SignInError(Exception):
    """A sign-in failed.

    `reason` is a key of `SIGN_IN_ERRORS`, `code` Microsoft's AADSTS code or OAuth error,
    `retry_after` the seconds of Entra's Retry-After. Nothing of the exchange itself is kept.
    """

    def __init__(self, reason: str, *, code: str = "", retry_after: float | None = None) -> None:
        """Initialize."""
        super().__init__(f"{reason} {code}".rstrip())
        self.reason = reason
        self.code = code
        self.retry_after = retry_after

    @classmethod
    def from_response(cls, response: Mapping[str, Any]) -> Self:
        """Return the error for an error response."""
        codes = response.get("error_codes")
        number = codes[0] if isinstance(codes, list) and codes else 0
        number = number if isinstance(number, int) else 0
        error = response.get("error")
        error = error if isinstance(error, str) else ""
        reason = (
            _REASON_OF_AADSTS_CODE.get(number)
            or _REASON_OF_OAUTH_ERROR.get(error)
            or "sign_in_failed"
        )
        code = f"AADSTS{number}" if number else _NOT_IN_AN_ERROR.sub("", error)[:_MAX_ERROR]
        return cls(reason, code=code)

    @classmethod
    def from_callback(cls, query: Mapping[str, Any]) -> Self:
        """Return the error for the query of a callback, which has no AADSTS code."""
        error = cls.from_response(query)
        if error.code == "invalid_client":
            # No credential was sent yet: it is about the app's permissions (AADSTS650057).
            return cls("app_misconfigured", code=error.code)
        return error

    @classmethod
    def from_aadsts_code(cls, text: str) -> Self | None:
        """Return the error for a text such as `AADSTS50105: ...`; None without a code."""
        # A page has other numbers, too: ids, times. A bare one counts only alone.
        found = (
            _AADSTS_CODE.search(text) or _LABELED_CODE.search(text) or _BARE_CODE.fullmatch(text)
        )
        return cls.from_response({"error_codes": [int(found[1])]}) if found else None

    @property
    def kind(self) -> SignInErrorKind:
        """Return the row of the table."""
        return SIGN_IN_ERRORS[self.reason]

    @property
    def requires_user(self) -> bool:
        """Return whether a person has to act; otherwise it is retried."""
        return self.kind.resolution not in {Resolution.UNKNOWN, Resolution.RETRY}

    @property
    def is_retried_rarely(self) -> bool:
        """Return whether it may end without the user, but not soon."""
        if self.kind.resolution is Resolution.UNKNOWN:
            # Without a code it is not Entra's, but a proxy's.
            return self.code != ""
        return (
            self.kind.resolution is Resolution.ADMIN
            or self.reason in _UP_TO_OTHERS
            or self.code == _REQUEST_LOOP
        )
