"""Every code of Microsoft's reference page is explained or exempt."""

from typing import Final

import pytest

from custom_components.ms_teams_presence.entra.errors import SIGN_IN_ERRORS, SignInError

# The codes of https://learn.microsoft.com/entra/identity-platform/reference-error-codes that no one
# meets here, by the reason. "Search for this code" is then the right sentence.
NOT_MET: Final[dict[str, tuple[int, ...]]] = {
    "the device code is being entered": (70016,),
    "sign-out": (50061, 50068, 50070, 50071),
    "SAML and WS-Federation apps": (
        *(75001, 75003, 75005, 75008, 75011, 75016, 76021, 76026, 90016, 90020, 90022, 90086),
        *(90107, 750054, 900236, 7500514, 7500529),
    ),
    "claims and signing keys that only IT configures, so that IT needs the code": (
        *(50003, 50007, 50010, 50042, 50043, 50124, 50146, 501241, 501461, 501621),
    ),
    "devices that join the directory, and Windows Hello": (
        *(17003, 50099, 130004, 130005, 130006, 130008, 135010, 140000, 220450, 221000),
        *(240001,),
    ),
    "grants and endpoints that are not used: on behalf of, federated, regional, legacy": (
        *(50049, 50050, 50120, 51000, 51001, 51005, 52004, 67003, 90009, 90010, 90114, 90125),
        *(90126, 100007, 165004, 165900, 240002, 500133, 700229, 1000000, 1000002, 7000114),
    ),
    "the sign-in page repeats the question": (90101,),
}
# The page's codes that have a sentence.
MET: Final = {
    *(16000, 16001, 16002, 16003, 20001, 20012, 20033, 28002, 28003, 40008, 40009, 40010),
    *(40015, 50000, 50001, 50002, 50005, 50006, 50008, 50011, 50012, 50013, 50014, 50015),
    *(50017, 50020, 50027, 50029, 50032, 50033, 50034, 50048, 50053, 50055, 50056, 50057),
    *(50058, 50059, 50064, 50072, 50074, 50076, 50078, 50079, 50085, 50086, 50087, 50088),
    *(50089, 50097, 50105, 50107, 50125, 50126, 50127, 50128, 50129, 50131, 50132, 50133),
    *(50134, 50135, 50136, 50139, 50140, 50143, 50144, 50147, 50155, 50158, 50161, 50166),
    *(50168, 50169, 50170, 50173, 50177, 50178, 50180, 50187, 50192, 50194, 50196, 50197),
    *(50199, 51004, 51006, 53000, 53001, 53002, 53003, 53004, 53010, 53011, 54000, 54005),
    *(65001, 65002, 65004, 65005, 70000, 70001, 70002, 70003, 70004, 70005, 70007, 70008),
    *(70011, 70012, 70018, 70019, 70043, 80001, 80002, 80005, 80007, 80010, 80012, 80013),
    *(80014, 81004, 81005, 81006, 81007, 81009, 81010, 81011, 81012, 90002, 90004, 90005),
    *(90006, 90007, 90008, 90012, 90013, 90014, 90015, 90019, 90023, 90024, 90027, 90033),
    *(90036, 90038, 90043, 90051, 90055, 90056, 90072, 90081, 90082, 90084, 90085, 90087),
    *(90090, 90091, 90092, 90093, 90094, 90095, 90099, 90100, 90102, 90117, 90119, 90120),
    *(90121, 90123, 90124, 90130, 120000, 120002, 120003, 120004, 120005, 120008, 120011),
    *(120012, 120013, 120014, 120015, 120016, 120018, 120020, 120021, 130007, 135011, 140001),
    *(160021, 220501, 230109, 500011, 500021, 500022, 500208, 500212, 500213, 501481, 501491),
    *(530032, 530034, 530035, 650052, 650054, 650056, 650057, 700005, 700011, 700016, 700020),
    *(700022, 700023, 700025, 700027, 700030, 700054, 700082, 700084, 900144, 900382, 900384),
    *(900432, 900561, 900971, 901002, 1000031, 1000104, 5000819, 7000112, 7000215, 7000218),
    *(7000222, 9001023, 9002313, 9002332, 9002341),
}
# Seen in public reports, though not on the page.
REPORTED: Final = {
    *(70020, 500113, 500121, 500200, 530003, 700021, 700024, 900023, 9002327),
}


def reason_of(code: int) -> str:
    """Return what a typed code means."""
    error = SignInError.from_aadsts_code(f"AADSTS{code}")
    assert error is not None
    return error.reason


def test_every_code_of_the_page_has_its_sentence_or_a_reason_to_have_none() -> None:
    none = [code for codes in NOT_MET.values() for code in codes]
    listed = [code for kind in SIGN_IN_ERRORS.values() for code in kind.aadsts_codes]

    assert len(none) + len(MET) == 304
    assert len(listed) == len(set(listed))
    assert set(listed) == MET | REPORTED
    assert not MET & {*none, *REPORTED}
    assert {reason_of(code) for code in none} == {"sign_in_failed"}
    assert "sign_in_failed" not in {reason_of(code) for code in MET | REPORTED}


@pytest.mark.parametrize(
    ("codes", "reason"),
    [
        ((900971, 500113, 50011, 70004), "redirect_refused"),
        ((50053, 50126, 50135, 50144), "account_disabled"),
        ((16000, 51004, 90072), "guest_account"),
        ((53002, 53011, 500021, 500212), "blocked_by_policy"),
        ((500011, 65005, 650054), "app_misconfigured"),
        ((65002,), "microsoft_app"),
        ((700024,), "clock_wrong"),
        ((20001, 80002, 81010), "organization_sign_in_failed"),
        ((50158, 53004, 700020), "interaction_required"),
        ((70018, 90119), "device_code_expired"),
        ((90006, 90024, 50000), "microsoft_unavailable"),
    ],
)
def test_codes_with_one_resolution_have_one_sentence(codes: tuple[int, ...], reason: str) -> None:
    assert {reason_of(code) for code in codes} == {reason}


@pytest.mark.parametrize("error", [None, 7, {"code": "BadRequest"}, []])
def test_an_error_that_is_no_text_has_no_code(error: object) -> None:
    found = SignInError.from_response({"error": error})
    assert (found.reason, found.code) == ("sign_in_failed", "")
