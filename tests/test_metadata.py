"""Metadata for Home Assistant, the Marketplace and GitHub."""

from collections import defaultdict
from collections.abc import Mapping
import importlib
from pathlib import Path
import re
import tomllib
from typing import Any

from homeassistant.components.brands.const import ALLOWED_IMAGES
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity import EntityDescription
from homeassistant.util.yaml import load_yaml_dict
from PIL import Image
import pytest
import voluptuous as vol

from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.services import ACTIONS, async_setup_services
from scripts.live.demo import DEFAULT_PORTS
from tests.documents import ROOT
from tests.repository import INTEGRATION, TRANSLATIONS, leaves, read_json

PLATFORMS = ("binary_sensor", "select", "sensor", "text")

# https://developers.home-assistant.io/docs/creating_integration_manifest
MANIFEST_REQUIRED = {"domain", "name", "codeowners", "documentation", "iot_class", "version"}
MANIFEST_ALLOWED = MANIFEST_REQUIRED | {
    "after_dependencies",
    "config_flow",
    "dependencies",
    "integration_type",
    "issue_tracker",
    "loggers",
    "categories",
    "connectivity",
    "quality_scale",
    "requirements",
    "single_config_entry",
}
# https://developers.home-assistant.io/docs/internationalization/custom_integration
TRANSLATION_SECTIONS = {
    "common",
    "conditions",
    "config",
    "config_subentries",
    "device",
    "entity",
    "entity_component",
    "exceptions",
    "issues",
    "options",
    "selector",
    "services",
    "system_health",
    "title",
    "triggers",
}
# Placeholders, markup, and Microsoft's codes and permissions stay as they are.
KEPT = re.compile(r"\{\w+\}|\*\*|`|\]\(|AADSTS\d+|(?:Presence|User)\.[\w.]*\w")
NAMES = {"Microsoft Teams Presence", "{cause}"}
# English texts that some languages use, too.
SAME_WORD = {
    "Account": {"it", "nl"},
    "Accounts": {"nl"},
    "Application (client) ID": {"fi"},  # Entra is not available in Finnish.
    "Client secret": {"fi"},
    "Cloud": {"de", "fr", "it", "nl"},
    "Message": {"fr"},
    "Offline": {"de", "it", "nl", "pl", "pt-BR", "sv"},
    "Options": {"fr"},
    "Remote": {"de"},
    "Tenant": {"it", "nl"},
    "US Government L4 (GCC High)": {"de", "es", "fr", "it", "nl", "pl"},
    "US Government L5 (DoD)": {"de", "es", "fr", "it", "nl", "pl"},
}
# Where a language has more than one text for the same English one, and why.
DIFFERENT: dict[tuple[str, str], str] = {}
SENTENCE_END = re.compile(r"(?<=[.?!])\s+|(?<=[。？！])\s*|\n+")  # noqa: RUF001
# A sentence's number and the number of sentences. `None` is the whole text.
type Place = tuple[int, int] | None


def descriptions(platform: str) -> list[EntityDescription]:
    """Return a platform's entity descriptions."""
    module = importlib.import_module(f"custom_components.{DOMAIN}.{platform}")
    tables = [value for value in vars(module).values() if isinstance(value, tuple)]
    # Home Assistant's description classes replace themselves, so isinstance doesn't work.
    return [item for table in tables for item in table if hasattr(item, "translation_key")]


def entity_descriptions() -> dict[tuple[str, str], EntityDescription]:
    """Return all entity descriptions by platform and translation key."""
    return {
        (platform, description.translation_key or description.key): description
        for platform in PLATFORMS
        for description in descriptions(platform)
    }


def sentences(text: str) -> list[str]:
    """Return the sentences of a text."""
    return [part for part in SENTENCE_END.split(text) if part]


def part_of(text: str, place: Place) -> str | None:
    """Return a text, or a sentence if it has as many as English."""
    if place is None:
        return text
    number, of = place
    found = sentences(text)
    return found[number] if len(found) == of else None


def same_text(english: Mapping[str, str]) -> dict[str, list[tuple[str, Place]]]:
    """Return texts and sentences that occur more than once."""
    found: dict[str, list[tuple[str, Place]]] = defaultdict(list)
    for key, text in english.items():
        found[text].append((key, None))
        if len(parts := sentences(text)) > 1:
            for number, part in enumerate(parts):
                found[part].append((key, (number, len(parts))))
    return {text: keys for text, keys in found.items() if len(keys) > 1}


@pytest.fixture(name="english", scope="module")
def english_fixture() -> dict[str, Any]:
    """Return the English texts."""
    english: dict[str, Any] = read_json(INTEGRATION / "translations/en.json")
    return english


@pytest.fixture(name="icons", scope="module")
def icons_fixture() -> dict[str, Any]:
    """Return the icons."""
    icons: dict[str, Any] = read_json(INTEGRATION / "icons.json")
    return icons


@pytest.fixture(name="services", scope="module")
def services_fixture() -> dict[str, Any]:
    """Return the actions."""
    return load_yaml_dict(INTEGRATION / "services.yaml")


def test_one_integration_in_the_repository() -> None:
    folders = [path for path in INTEGRATION.parent.iterdir() if (path / "manifest.json").exists()]
    assert folders == [INTEGRATION]


def test_manifest_has_the_right_keys_in_the_right_order() -> None:
    manifest = read_json(INTEGRATION / "manifest.json")
    keys = list(manifest)
    assert keys == ["domain", "name", *sorted(set(keys) - {"domain", "name"})]
    assert set(keys) >= MANIFEST_REQUIRED | {"issue_tracker"}
    assert set(keys) <= MANIFEST_ALLOWED
    assert manifest["domain"] == INTEGRATION.name == DOMAIN
    assert manifest["documentation"].startswith("https://")
    assert all(owner.startswith("@") for owner in manifest["codeowners"])
    assert manifest["categories"] == ["messaging_notifications.chat_apps"]
    assert manifest["connectivity"] == ["cloud"]
    requirements = {re.split("[<>=]", text)[0] for text in manifest["requirements"]}
    assert set(manifest["loggers"]) == requirements


def test_the_version_is_set_in_the_manifest_alone() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == "0"


def test_oldest_home_assistant_is_the_same_everywhere() -> None:
    oldest = read_json(ROOT / "hacs.json")["homeassistant"]
    blueprints = [
        path.read_text() for path in (ROOT / "blueprints").rglob("*.yaml") if path.is_file()
    ]
    assert blueprints
    assert all(f"min_version: {oldest}" in text for text in blueprints)
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    year, month, _ = oldest.split(".")
    assert f"home-{year}-{month}" in groups


def test_marketplace_accepts_the_repository() -> None:
    hacs = read_json(ROOT / "hacs.json")
    assert hacs["name"] == read_json(INTEGRATION / "manifest.json")["name"]
    # With a ZIP release, every installation would use GitHub's rate-limited API.
    assert set(hacs) <= {"name", "homeassistant", "hacs", "hide_default_branch", "country"}
    assert (ROOT / "README.md").stat().st_size > 0


def test_license_is_mit() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert text.startswith("MIT License\n\nCopyright (c) ")
    assert "Permission is hereby granted, free of charge" in text
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["license"] == "MIT"


@pytest.mark.parametrize(
    ("name", "shortest"), [("icon", 256), ("icon@2x", 512), ("logo", 256), ("logo@2x", 512)]
)
def test_brand_image_has_its_size(name: str, shortest: int) -> None:
    for dark in ("", "dark_"):
        path = INTEGRATION / f"brand/{dark}{name}.png"
        if dark and not path.exists():
            continue
        with Image.open(path) as image:
            assert image.format == "PNG"
            width, height = image.size
            drawn = image.convert("RGBA")
        assert min(width, height) == shortest
        if name.startswith("icon"):
            assert width == height
        else:
            assert width > height
        assert drawn.getpixel((0, 0))[3] == 0  # type: ignore[index]
        left, top, right, bottom = drawn.getbbox() or (0, 0, 0, 0)
        margin = shortest // 50
        assert left <= margin
        assert top <= margin
        assert right >= width - margin
        assert bottom >= height - margin


def test_home_assistant_allows_every_brand_image() -> None:
    assert {path.name for path in (INTEGRATION / "brand").iterdir()} <= ALLOWED_IMAGES


@pytest.mark.parametrize("path", TRANSLATIONS, ids=lambda path: path.name)
def test_translation_is_plain_text(path: Path) -> None:
    texts = read_json(path)
    assert set(texts) <= TRANSLATION_SECTIONS
    for where, text in leaves(texts):
        assert isinstance(text, str), where
        assert text.strip() == text != "", where
        assert not re.search(r"https?://|www\.", text), where
        assert not re.search(r"</?\w+[^>]*>", text), where
        assert "[%key" not in text, where


@pytest.mark.parametrize("path", TRANSLATIONS, ids=lambda path: path.name)
def test_translation_has_the_keys_and_placeholders_of_english(
    path: Path, english: dict[str, Any]
) -> None:
    original, translated = dict(leaves(english)), dict(leaves(read_json(path)))
    assert original.keys() == translated.keys()
    for where, text in original.items():
        assert sorted(KEPT.findall(text)) == sorted(KEPT.findall(translated[where])), where


@pytest.mark.parametrize("path", TRANSLATIONS, ids=lambda path: path.name)
def test_no_text_is_left_in_english(path: Path, english: dict[str, Any]) -> None:
    original, translated = dict(leaves(english)), dict(leaves(read_json(path)))
    same = {text for where, text in original.items() if translated[where] == text}

    assert path.stem == "en" or same == NAMES | {
        text for text, languages in SAME_WORD.items() if path.stem in languages
    }


def test_equal_english_is_equal_in_every_language(english: dict[str, Any]) -> None:
    original = dict(leaves(english))
    translated = {path.stem: dict(leaves(read_json(path))) for path in TRANSLATIONS}
    different = {
        (language, text): texts
        for text, keys in same_text(original).items()
        for language, translation in translated.items()
        if len(texts := {part_of(translation[key], place) for key, place in keys} - {None}) > 1
    }

    assert different.keys() == DIFFERENT.keys(), different


def test_equal_english_is_found_in_whole_texts_and_in_sentences() -> None:
    texts = {"one": "Busy", "two": "Busy", "three": "Busy. Try again.", "four": "Wait. Try again."}

    assert same_text(texts) == {
        "Busy": [("one", None), ("two", None)],
        "Try again.": [("three", (1, 2)), ("four", (1, 2))],
    }
    assert part_of("お待ちください。もう一度お試しください。", (1, 2)) == "もう一度お試しください。"
    assert part_of("Wait, then try again.", (1, 2)) is None


def test_every_action_has_texts_and_an_icon(
    services: dict[str, Any], english: dict[str, Any], icons: dict[str, Any]
) -> None:
    assert services.keys() == english["services"].keys() == icons["services"].keys()
    for name, service in services.items():
        texts = english["services"][name]
        assert texts.keys() - {"fields", "sections"} == {"name", "description"}, name
        assert icons["services"][name]["service"].startswith("mdi:"), name
        fields = (service or {}).get("fields", {})
        assert fields.keys() == texts.get("fields", {}).keys(), name
        for field, text in texts.get("fields", {}).items():
            assert text.keys() == {"name", "description"}, f"{name}.{field}"


async def test_every_action_accepts_the_described_fields(
    hass: HomeAssistant, services: dict[str, Any]
) -> None:
    async_setup_services(hass)
    fields: dict[str, Mapping[vol.Marker, Any]] = {action.name: action.fields for action in ACTIONS}
    registered = hass.services.async_services_for_domain(DOMAIN)
    for name in registered.keys() - fields.keys():
        schema = registered[name].schema
        assert isinstance(schema, vol.Schema)
        fields[name] = schema.schema

    assert registered.keys() == services.keys()
    for name, service in services.items():
        described = service.get("fields", {})
        assert {str(field) for field in fields[name]} == described.keys(), name
        for field in fields[name]:
            needed = isinstance(field, vol.Required)
            assert described[str(field)].get("required", False) == needed, f"{name}.{field}"
        targeted = name in {action.name for action in ACTIONS}
        assert ("target" in service) == targeted, name
        if targeted:
            assert service["target"]["entity"]["integration"] == DOMAIN, name


@pytest.mark.parametrize("kind", ["trigger", "condition"])
def test_every_trigger_and_condition_is_described(
    kind: str, english: dict[str, Any], icons: dict[str, Any]
) -> None:
    module = importlib.import_module(f"custom_components.{DOMAIN}.{kind}")
    in_code = vars(module)[f"{kind.upper()}S"].keys()
    described = {
        name: about
        for name, about in load_yaml_dict(INTEGRATION / f"{kind}s.yaml").items()
        if not name.startswith(".")
    }
    assert in_code == described.keys() == english[f"{kind}s"].keys() == icons[f"{kind}s"].keys()
    for name, texts in english[f"{kind}s"].items():
        assert texts.keys() - {"fields"} == {"name", "description"}, name
        fields = texts.get("fields", {})
        assert described[name].get("fields", {}).keys() == fields.keys(), name
        assert all(text.keys() == {"name"} for text in fields.values()), name
        assert icons[f"{kind}s"][name][kind].startswith("mdi:"), name


def test_every_selector_option_has_a_text(
    services: dict[str, Any], english: dict[str, Any]
) -> None:
    checked = 0
    for name, service in services.items():
        for field, value in (service or {}).get("fields", {}).items():
            select = (value["selector"] or {}).get("select")
            if not select:
                continue
            options = english["selector"][select["translation_key"]]["options"]
            assert set(select["options"]) == set(options), f"{name}.{field}"
            checked += 1
    assert checked


def test_no_action_is_a_yaml_anchor(services: dict[str, Any]) -> None:
    assert not [name for name in services if name.startswith(".")]


def test_every_entity_has_a_name_and_an_icon(
    english: dict[str, Any], icons: dict[str, Any]
) -> None:
    entities = set(entity_descriptions())
    assert {platform for platform, _ in entities} == set(PLATFORMS)
    for tree in (english["entity"], icons["entity"]):
        assert {(platform, key) for platform, keys in tree.items() for key in keys} == entities
    for platform, key in entities:
        assert english["entity"][platform][key]["name"], key
        assert icons["entity"][platform][key]["default"].startswith("mdi:"), key


def test_every_state_has_a_text(english: dict[str, Any]) -> None:
    with_states = 0
    for (platform, key), description in entity_descriptions().items():
        expected = set(getattr(description, "options", None) or ())
        if platform == "binary_sensor" and description.device_class is None:
            expected = {"on", "off"}
        assert set(english["entity"][platform][key].get("state", {})) == expected, key
        with_states += bool(expected)
    assert with_states


def test_icons_of_states_are_of_states_that_exist(
    english: dict[str, Any], icons: dict[str, Any]
) -> None:
    for where, icon in leaves(icons):
        assert re.fullmatch(r"mdi:[a-z0-9-]+", icon), where
        platform, *rest = where.removeprefix("entity.").split(".")
        if where.startswith("entity.") and rest[1] == "state":
            assert rest[2] in english["entity"][platform][rest[0]]["state"], where


def test_every_form_field_is_explained(english: dict[str, Any]) -> None:
    for flow in ("config", "options"):
        for name, step in english[flow]["step"].items():
            for part in (step, *step.get("sections", {}).values()):
                assert part.get("data", {}).keys() == part.get("data_description", {}).keys(), name
            assert (
                step.get("menu_options", {}).keys()
                == step.get("menu_option_descriptions", {}).keys()
            ), name


def test_the_bug_form_matches_the_interface(english: dict[str, Any]) -> None:
    form = load_yaml_dict(ROOT / ".github/ISSUE_TEMPLATE/bug.yml")
    asked = {part["id"]: part for part in form["body"] if "id" in part}
    options = {name: part["attributes"].get("options") for name, part in asked.items()}

    (page,) = re.findall(r"/blob/main/([^)]+)", form["body"][0]["attributes"]["value"])
    assert (ROOT / page).is_file()
    methods = list(english["config"]["step"]["user"]["menu_options"].values())
    assert options["sign-in"][: len(methods)] == methods
    assert options["cloud"] == list(english["selector"]["cloud"]["options"].values())
    assert {name for name, part in asked.items() if part.get("validations")} >= {
        "version",
        "home-assistant",
        "diagnostics",
        "seen",
    }


def test_the_container_makes_every_environment_and_shows_the_demo() -> None:
    container = read_json(ROOT / ".devcontainer/devcontainer.json")
    homes = [
        group
        for group in tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
        if group.startswith("home-")
    ]

    created = re.findall(r"scripts/setup ([\w-]+)", container["postCreateCommand"])
    assert created == homes
    # The third port is for sign-in and Graph only.
    assert container["forwardPorts"] == list(DEFAULT_PORTS[:2])
    assert container["portsAttributes"].keys() == {str(port) for port in DEFAULT_PORTS[:2]}


def test_every_path_in_contributing_exists() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    paths = set(re.findall(r"\b(?:scripts|tests|docs|custom_components|\.ci)/[\w./-]+\w", text))

    assert {"scripts/setup", "scripts/demo", "scripts/lint", "scripts/test"} <= paths
    assert [path for path in paths if not (ROOT / path).exists()] == []
