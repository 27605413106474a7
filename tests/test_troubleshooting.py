"""Whatever the integration can say is on the page for troubleshooting, and nothing else is."""

from collections.abc import Iterator
import json
from typing import Any

import pytest

from tests.documents import ROOT, beginning, rows
from tests.repository import INTEGRATION

PAGE = ROOT / "docs/troubleshooting.md"
ENGLISH = INTEGRATION / "translations/en.json"


def sentences() -> Iterator[tuple[str, str]]:
    """Return everything that the integration says when something is wrong, with its key."""
    texts: dict[str, Any] = json.loads(ENGLISH.read_text())
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


def test_no_message_is_explained_that_is_never_said(explained: dict[str, str]) -> None:
    said = {beginning(text) for _, text in sentences()}

    assert explained.keys() - said == set()
