"""Whatever the integration can say is on the page for troubleshooting, and nothing else is."""

from collections.abc import Iterator
import re
from typing import Any

import pytest

from custom_components.ms_teams_presence.entra.errors import SIGN_IN_ERRORS
from tests.documents import ROOT, beginning, rows
from tests.repository import INTEGRATION, read_json

PAGE = ROOT / "docs/troubleshooting.md"


def sentences() -> Iterator[tuple[str, str]]:
    """Return everything that the integration says when something is wrong, with its key."""
    texts: dict[str, Any] = read_json(INTEGRATION / "translations/en.json")
    flows = {"config": texts["config"], **texts["config_subentries"], "options": texts["options"]}
    for name, flow in flows.items():
        for kind in ("error", "abort"):
            for key, sentence in flow.get(kind, {}).items():
                yield f"{name}.{kind}.{key}", sentence
    for key, exception in texts["exceptions"].items():
        yield f"exceptions.{key}", exception["message"]
    for key, issue in texts["issues"].items():
        yield f"issues.{key}", issue["title"]


@pytest.fixture(scope="module")
def explained() -> dict[str, str]:
    """Return the messages that the page explains."""
    return {row[0]: row[1] for row in rows(PAGE, "Message")}


def test_every_message_is_explained(explained: dict[str, str]) -> None:
    missing = [f"{key}: {text}" for key, text in sentences() if not explained.get(beginning(text))]

    assert missing == []


def test_every_number_of_microsoft_leads_to_a_message() -> None:
    english = read_json(INTEGRATION / "translations/en.json")["config"]["error"]
    found = {
        int(number): message
        for numbers, message in rows(PAGE, "Number")
        for number in re.findall(r"AADSTS(\d+)", numbers)
    }

    assert found == {
        number: beginning(english[reason])
        for reason, refusal in SIGN_IN_ERRORS.items()
        for number in refusal.aadsts_codes
    }


def test_no_message_is_explained_that_is_never_said(explained: dict[str, str]) -> None:
    said = {beginning(text) for _, text in sentences()}

    assert explained.keys() - said == set()
