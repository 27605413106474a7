"""The troubleshooting page explains every error message and no other."""

from collections.abc import Iterator
import re
from typing import Any

import pytest

from custom_components.ms_teams_presence.entra.errors import SIGN_IN_ERRORS
from tests.documents import ROOT, first_sentence, rows
from tests.repository import INTEGRATION, read_json

PAGE = ROOT / "docs/troubleshooting.md"


def error_messages() -> Iterator[tuple[str, str]]:
    """Yield every error message of the integration with its key."""
    texts: dict[str, Any] = read_json(INTEGRATION / "translations/en.json")
    flows = {"config": texts["config"], **texts["config_subentries"], "options": texts["options"]}
    for name, flow in flows.items():
        for kind in ("error", "abort"):
            for key, message in flow.get(kind, {}).items():
                yield f"{name}.{kind}.{key}", message
    for key, exception in texts["exceptions"].items():
        yield f"exceptions.{key}", exception["message"]
    for key, issue in texts["issues"].items():
        yield f"issues.{key}", issue["title"]


@pytest.fixture(scope="module")
def explained() -> dict[str, str]:
    """Return the messages that the page explains."""
    return {row[0]: row[1] for row in rows(PAGE, "Message")}


def test_every_message_is_explained(explained: dict[str, str]) -> None:
    missing = [
        f"{key}: {text}"
        for key, text in error_messages()
        if not explained.get(first_sentence(text))
    ]

    assert missing == []


def test_every_aadsts_code_leads_to_a_message() -> None:
    english = read_json(INTEGRATION / "translations/en.json")["config"]["error"]
    found = {
        int(number): message
        for numbers, message in rows(PAGE, "Number")
        for number in re.findall(r"AADSTS(\d+)", numbers)
    }

    assert found == {
        number: first_sentence(english[reason])
        for reason, kind in SIGN_IN_ERRORS.items()
        for number in kind.aadsts_codes
    }


def test_every_explained_message_exists(explained: dict[str, str]) -> None:
    messages = {first_sentence(text) for _, text in error_messages()}

    assert explained.keys() - messages == set()
