"""Every link in the documents has a target, checked offline."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from homeassistant.util.yaml import load_yaml_dict
import pytest

from tests.documents import DOCUMENTS, ROOT, anchors, links

# Hosts that the documents may link to.
HOSTS = {
    "aka.ms",
    "developers.home-assistant.io",
    "entra.microsoft.com",
    "entra.microsoft.us",
    "github.com",
    "go.microsoft.com",
    "keepachangelog.com",
    "learn.microsoft.com",
    "my.home-assistant.io",
    "myapps.microsoft.com",
    "semver.org",
    "shell.azure.com",
    "support.microsoft.com",
    "www.home-assistant.io",
}


def names(path: Path) -> str:
    """Return a document's name for a test id."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=names)
def test_links_within_the_repository_have_targets(document: Path) -> None:
    broken = []
    for link in links(document):
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (document.parent / parts.path).resolve() if parts.path else document
        found = target.exists() and target.is_relative_to(ROOT)
        if not found or (parts.fragment and parts.fragment not in anchors(target)):
            broken.append(link)

    assert broken == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=names)
def test_external_links_are_encrypted_and_lead_to_allowed_hosts(document: Path) -> None:
    unexpected = [
        link
        for link in links(document)
        if (parts := urlsplit(link)).scheme
        and (parts.scheme != "https" or parts.netloc not in HOSTS)
    ]

    assert unexpected == []


def test_every_document_is_reached_from_the_first_one() -> None:
    reached = {ROOT / "README.md"}
    ahead = list(reached)
    while ahead:
        here = ahead.pop()
        paths = {urlsplit(link).path for link in links(here) if not urlsplit(link).scheme}
        new = {(here.parent / path).resolve() for path in paths if path.endswith(".md")} - reached
        reached |= new
        ahead += [path for path in new if path.exists()]

    assert set(DOCUMENTS) - reached == set()


@pytest.mark.parametrize("document", ["README.md", "docs/automations.md"])
def test_every_blueprint_has_a_button_that_imports_it(document: str) -> None:
    buttons = [
        parse_qs(parts.query)["blueprint_url"]
        for link in links(ROOT / document)
        if (parts := urlsplit(link)).path == "/redirect/blueprint_import/"
    ]
    sources = [
        [load_yaml_dict(blueprint)["blueprint"]["source_url"]]
        for blueprint in (ROOT / "blueprints").rglob("*.yaml")
    ]

    assert sorted(buttons) == sorted(sources)


def test_every_picture_is_shown_and_small() -> None:
    shown = {
        (document.parent / link).resolve() for document in DOCUMENTS for link in links(document)
    }
    pictures = set((ROOT / "docs/images").glob("*.png"))

    assert pictures - shown == set()
    assert [picture.name for picture in pictures if picture.stat().st_size > 120_000] == []


def test_the_readme_stays_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 200
