"""What Microsoft Entra means where it refuses a sign-in, and what helps: one table.

The keys are those of the sentences under `config.error` in the translations. Microsoft's numbers
(AADSTS…) are hints, as Microsoft says itself: a number that is not here is answered by the
OAuth error that came with it.

https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Flag, StrEnum, auto
import re
from typing import Any, Final

from homeassistant.const import CONF_CLIENT_ID, CONF_CLIENT_SECRET
from homeassistant.core import HomeAssistant
from homeassistant.helpers.translation import async_get_translations

from .const import CONF_CERTIFICATE, CONF_CLOUD, CONF_TENANT, DOMAIN, ISSUE_SIGN_IN_REFUSED


class Cure(StrEnum):
    """What helps against a refusal."""

    APPROVAL = "approval"
    """Somebody else has to allow it first, usually an administrator."""
    FORM = "form"
    """The app registration has to be entered or made otherwise."""
    SIGN_IN = "sign_in"
    """The person has to sign in again."""
    UNKNOWN = "unknown"
    """Nothing is known here; it is tried again, and the code is shown to be searched for."""
    WAIT = "wait"
    """It passes by itself."""


class Seen(Flag):
    """Where a refusal comes to light."""

    PAGE = auto()
    """On Microsoft's own page, which does not lead back: only its number can be typed in."""
    CALLBACK = auto()
    """In the address that Microsoft's page leads back to."""
    DISCOVERY = auto()
    """When the tenant's sign-in document is read."""
    DEVICE = auto()
    """When a code for another device is asked for."""
    TOKEN = auto()
    """When a token is asked for: at the end of a sign-in, and whenever one is renewed later."""
    GRAPH = auto()
    """When Microsoft Graph is asked with the token."""
    HERE = auto()
    """Before anything is asked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """One meaning of a refusal."""

    cure: Cure
    seen: Seen = Seen.TOKEN
    numbers: tuple[int, ...] = ()
    errors: tuple[str, ...] = ()
    """What OAuth calls it."""
    field: str = "base"
    """The field of the form that it is about."""
    by_browser: bool = False
    """Whether a sign-in with the browser may succeed where one by code is refused."""


_FRONT: Final = Seen.PAGE | Seen.TOKEN
_EVERYWHERE: Final = Seen.PAGE | Seen.DEVICE | Seen.TOKEN

REFUSALS: Final[dict[str, Refusal]] = {
    "account_disabled": Refusal(numbers=(50034, 50055, 50057), seen=_FRONT, cure=Cure.SIGN_IN),
    "admin_consent_missing": Refusal(
        numbers=(90093, 90094, 90095), seen=_FRONT, cure=Cure.APPROVAL
    ),
    "app_disabled": Refusal(
        numbers=(7000112,), seen=_EVERYWHERE, field=CONF_CLIENT_ID, cure=Cure.FORM
    ),
    "app_misconfigured": Refusal(numbers=(650052, 650056), seen=_FRONT, cure=Cure.APPROVAL),
    "app_not_found": Refusal(
        numbers=(70001, 700016),
        errors=("unauthorized_client",),
        seen=_EVERYWHERE | Seen.CALLBACK,
        field=CONF_CLIENT_ID,
        cure=Cure.FORM,
    ),
    "application_consent_missing": Refusal(seen=Seen.GRAPH, cure=Cure.APPROVAL),
    "blocked_by_policy": Refusal(
        numbers=(50097, 53000, 53001, 53003, 530003, 530032, 530035),
        seen=_EVERYWHERE,
        cure=Cure.APPROVAL,
        by_browser=True,
    ),
    "cannot_connect": Refusal(seen=Seen.DISCOVERY | Seen.DEVICE | Seen.TOKEN, cure=Cure.WAIT),
    "certificate_encrypted": Refusal(seen=Seen.HERE, field=CONF_CERTIFICATE, cure=Cure.FORM),
    "certificate_expired": Refusal(seen=Seen.HERE, field=CONF_CERTIFICATE, cure=Cure.FORM),
    "certificate_not_rsa": Refusal(seen=Seen.HERE, field=CONF_CERTIFICATE, cure=Cure.FORM),
    "certificate_unreadable": Refusal(seen=Seen.HERE, field=CONF_CERTIFICATE, cure=Cure.FORM),
    "certificate_without_key": Refusal(seen=Seen.HERE, field=CONF_CERTIFICATE, cure=Cure.FORM),
    "certificate_wrong": Refusal(
        numbers=(700021, 700023, 700024, 700027), field=CONF_CERTIFICATE, cure=Cure.FORM
    ),
    "client_refused": Refusal(errors=("invalid_client",), cure=Cure.FORM),
    "consent_denied": Refusal(
        numbers=(65004,),
        errors=("access_denied", "authorization_declined"),
        seen=Seen.CALLBACK | Seen.TOKEN,
        cure=Cure.SIGN_IN,
    ),
    "consent_missing": Refusal(
        numbers=(65001,),
        errors=("consent_required",),
        seen=_FRONT | Seen.CALLBACK,
        cure=Cure.APPROVAL,
    ),
    "device_code_expired": Refusal(
        numbers=(70019, 70020), errors=("code_expired", "expired_token"), cure=Cure.SIGN_IN
    ),
    "graph_unavailable": Refusal(seen=Seen.GRAPH, cure=Cure.WAIT),
    "guest_account": Refusal(numbers=(50020,), seen=_FRONT, field=CONF_TENANT, cure=Cure.FORM),
    "interaction_required": Refusal(
        numbers=(50072, 50074, 50076, 50078, 50079),
        errors=("interaction_required", "login_required"),
        seen=Seen.CALLBACK | Seen.TOKEN,
        cure=Cure.SIGN_IN,
        by_browser=True,
    ),
    "microsoft_unavailable": Refusal(
        numbers=(50196, 90033, 90055, 90090),
        errors=("server_error", "temporarily_unavailable"),
        seen=_EVERYWHERE | Seen.CALLBACK | Seen.DISCOVERY,
        cure=Cure.WAIT,
    ),
    "no_presence": Refusal(seen=Seen.GRAPH, cure=Cure.FORM),
    "not_assigned": Refusal(numbers=(50105,), seen=_FRONT, cure=Cure.APPROVAL),
    "personal_account": Refusal(
        numbers=(500200, 500208, 9002332), seen=_EVERYWHERE, cure=Cure.SIGN_IN
    ),
    "public_client_refused": Refusal(
        numbers=(7000218,), seen=Seen.DEVICE | Seen.TOKEN, cure=Cure.FORM
    ),
    "redirect_refused": Refusal(numbers=(50011, 500113), seen=_FRONT, cure=Cure.FORM),
    "request_refused": Refusal(
        numbers=(70011, 9002313),
        errors=("invalid_scope",),
        seen=_EVERYWHERE | Seen.CALLBACK,
        cure=Cure.UNKNOWN,
    ),
    "secret_expired": Refusal(numbers=(7000222,), field=CONF_CLIENT_SECRET, cure=Cure.FORM),
    "secret_not_wanted": Refusal(numbers=(700025,), field=CONF_CLIENT_SECRET, cure=Cure.FORM),
    "secret_wrong": Refusal(numbers=(7000215,), field=CONF_CLIENT_SECRET, cure=Cure.FORM),
    "session_ended": Refusal(
        numbers=(50132, 50133, 50173, 70008, 70043, 700082, 700084),
        errors=("invalid_grant",),
        seen=Seen.TOKEN | Seen.GRAPH,
        cure=Cure.SIGN_IN,
    ),
    "sign_in_failed": Refusal(seen=_EVERYWHERE | Seen.CALLBACK, cure=Cure.UNKNOWN),
    "spa_platform": Refusal(numbers=(9002327,), cure=Cure.FORM),
    "tenant_not_found": Refusal(
        numbers=(90002, 900023),
        errors=("invalid_tenant",),
        seen=_EVERYWHERE | Seen.DISCOVERY,
        field=CONF_TENANT,
        cure=Cure.FORM,
    ),
    "try_again": Refusal(
        numbers=(50134, 54005, 90120, 501481), errors=("bad_verification_code",), cure=Cure.SIGN_IN
    ),
    "unexpected_answer": Refusal(seen=Seen.DISCOVERY | Seen.DEVICE | Seen.TOKEN, cure=Cure.WAIT),
    "wrong_cloud": Refusal(
        numbers=(90038,),
        seen=_EVERYWHERE | Seen.DISCOVERY | Seen.GRAPH,
        field=CONF_CLOUD,
        cure=Cure.FORM,
    ),
    "wrong_tenant": Refusal(
        numbers=(50194, 90124, 90130, 700005, 9001023),
        seen=_EVERYWHERE,
        field=CONF_TENANT,
        cure=Cure.FORM,
    ),
}

_REASON_OF_NUMBER: Final = {
    number: reason for reason, refusal in REFUSALS.items() for number in refusal.numbers
}
_REASON_OF_ERROR: Final = {
    error: reason for reason, refusal in REFUSALS.items() for error in refusal.errors
}
_NUMBER: Final = re.compile(r"\d{5,8}")
# An OAuth error is one word; what else may stand in its place is not for a text of ours.
_NOT_IN_AN_ERROR: Final = re.compile(r"[^a-z_]")
_MAX_ERROR: Final = 40


class SignInError(Exception):
    """A sign-in failed; `reason` is a key of `REFUSALS`, `code` what Microsoft calls it.

    `retry_after` is for how many seconds Entra wants to be left alone, where it said so. Nothing of
    the exchange itself is kept.
    """

    def __init__(self, reason: str, *, code: str = "", retry_after: float | None = None) -> None:
        """Keep what the texts and the callers need."""
        super().__init__(f"{reason} {code}".rstrip())
        self.reason = reason
        self.code = code
        self.retry_after = retry_after

    @property
    def refusal(self) -> Refusal:
        """Return what is known of such failures."""
        return REFUSALS[self.reason]

    @property
    def needs_person(self) -> bool:
        """Return whether somebody has to act; otherwise it is tried again."""
        return self.refusal.cure not in {Cure.UNKNOWN, Cure.WAIT}


def refused(answer: Mapping[str, Any]) -> SignInError:
    """Return the error for an answer in which Entra says no."""
    numbers = answer.get("error_codes")
    number = numbers[0] if isinstance(numbers, list) and numbers else 0
    number = number if isinstance(number, int) else 0
    error = str(answer.get("error", ""))
    reason = _REASON_OF_NUMBER.get(number) or _REASON_OF_ERROR.get(error) or "sign_in_failed"
    code = f"AADSTS{number}" if number else _NOT_IN_AN_ERROR.sub("", error)[:_MAX_ERROR]
    return SignInError(reason, code=code)


def refused_on_page(text: str) -> SignInError | None:
    """Return the error for what Microsoft's own page shows, such as `AADSTS50105: …`.

    None where there is no number in the text.
    """
    found = _NUMBER.search(text)
    return refused({"error_codes": [int(found[0])]}) if found else None


def refusal_issue_id(entry_id: str) -> str:
    """Return the id of the repair that an account has while its sign-in is refused."""
    return f"{ISSUE_SIGN_IN_REFUSED}_{entry_id}"


async def async_sentence(hass: HomeAssistant, reason: str, placeholders: Mapping[str, str]) -> str:
    """Return the sentence about a failure where no form can show it, in Home Assistant's language."""
    texts = await async_get_translations(hass, hass.config.language, "config", [DOMAIN])
    return texts[f"component.{DOMAIN}.config.error.{reason}"].format(**placeholders)
