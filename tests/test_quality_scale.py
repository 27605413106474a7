"""Home Assistant's quality scale: every rule has evidence.

Hassfest skips the quality scale of custom integrations.
"""

from collections import defaultdict
import re
import tomllib

from homeassistant.util.yaml import load_yaml_dict
import pytest

from tests.documents import DOCUMENTS, ROOT, prose
from tests.repository import INTEGRATION, SOURCES, read_json

# https://developers.home-assistant.io/docs/core/integration-quality-scale
TIERS = {
    "bronze": [
        "action-setup",
        "appropriate-polling",
        "brands",
        "common-modules",
        "config-flow",
        "config-flow-test-coverage",
        "dependency-transparency",
        "docs-actions",
        "docs-conditions",
        "docs-high-level-description",
        "docs-installation-instructions",
        "docs-removal-instructions",
        "docs-triggers",
        "entity-event-setup",
        "entity-unique-id",
        "has-entity-name",
        "runtime-data",
        "test-before-configure",
        "test-before-setup",
        "unique-config-entry",
    ],
    "silver": [
        "action-exceptions",
        "config-entry-unloading",
        "docs-configuration-parameters",
        "docs-installation-parameters",
        "entity-unavailable",
        "integration-owner",
        "log-when-unavailable",
        "parallel-updates",
        "reauthentication-flow",
        "test-coverage",
    ],
    "gold": [
        "devices",
        "diagnostics",
        "discovery",
        "discovery-update-info",
        "docs-data-update",
        "docs-examples",
        "docs-known-limitations",
        "docs-supported-devices",
        "docs-supported-functions",
        "docs-troubleshooting",
        "docs-use-cases",
        "dynamic-devices",
        "entity-category",
        "entity-device-class",
        "entity-disabled-by-default",
        "entity-translations",
        "exception-translations",
        "icon-translations",
        "reconfiguration-flow",
        "repair-issues",
        "stale-devices",
    ],
    "platinum": ["async-dependency", "inject-websession", "strict-typing"],
}
RULES = {rule for rules in TIERS.values() for rule in rules}
ANSWERS = load_yaml_dict(INTEGRATION / "quality_scale.yaml")["rules"]

# Headings of the documentation that each rule requires.
SECTIONS = {
    "docs-actions": ("Actions",),
    "docs-conditions": ("Triggers and conditions",),
    "docs-configuration-parameters": ("Options",),
    "docs-data-update": ("Data updates",),
    "docs-examples": ("Blueprints", "Your own"),
    "docs-high-level-description": ("Microsoft Teams Presence for Home Assistant",),
    "docs-installation-instructions": ("Install", "Register an app in Microsoft Entra"),
    "docs-installation-parameters": ("Sign in",),
    "docs-known-limitations": ("Limits",),
    "docs-removal-instructions": ("Removal",),
    "docs-supported-functions": ("Entities",),
    "docs-troubleshooting": ("Troubleshooting",),
    "docs-triggers": ("Triggers and conditions",),
    "docs-use-cases": ("Microsoft Teams Presence for Home Assistant",),
}
# Patterns in the code that show that a rule is done.
CODE = {
    "action-exceptions": r"raise _validation_error\(",
    "action-setup": r"(?s)async def async_setup\((?:(?!\n\n\n).)*\n    async_setup_services\(",
    "appropriate-polling": r"update_interval",
    "common-modules": r"CoordinatorEntity\[",
    "config-entry-unloading": r"async def async_unload_entry",
    "config-flow": r"async def async_step_user",
    "devices": r"DeviceInfo\(",
    "diagnostics": r"async def async_get_config_entry_diagnostics",
    "dynamic-devices": r"async_get_supported_subentry_types",
    "entity-device-class": r"device_class=SensorDeviceClass\.",
    "entity-disabled-by-default": r"_attr_entity_registry_enabled_default",
    "entity-translations": r"_attr_translation_key",
    "entity-unavailable": r"def available",
    "entity-unique-id": r"_attr_unique_id",
    "exception-translations": r"translation_domain=DOMAIN",
    "has-entity-name": r"_attr_has_entity_name = True",
    "icon-translations": r'"default": "mdi:',
    "inject-websession": r"async_get_clientsession\(hass\)",
    "log-when-unavailable": r"UpdateFailed\(",
    "reauthentication-flow": r"async def async_step_reauth\(",
    "reconfiguration-flow": r"async def async_step_reconfigure",
    "repair-issues": r"async def async_create_fix_flow",
    "runtime-data": r"entry\.runtime_data = ",
    "stale-devices": r"async_remove_subentry",
    "test-before-configure": r"PresenceClient\(",
    "test-before-setup": r"async_config_entry_first_refresh",
    "unique-config-entry": r"_abort_if_unique_id_configured\(\)",
}
# Rules with their own tests below.
TESTED_BELOW = {
    "brands",
    "config-flow-test-coverage",
    "dependency-transparency",
    "integration-owner",
    "parallel-updates",
    "strict-typing",
    "test-coverage",
}


def is_done(rule: str) -> bool:
    """Return whether a rule is done."""
    answer = ANSWERS[rule]
    return "done" in (answer, isinstance(answer, dict) and answer["status"])


def sections() -> dict[str, str]:
    """Return the text below every heading, with subsections."""
    found: dict[str, str] = defaultdict(str)
    for text in map(prose, DOCUMENTS):
        for heading in re.finditer(r"^(#+) (.+)$", text, re.MULTILINE):
            rest = text[heading.end() :]
            end = re.search(rf"^#{{1,{len(heading[1])}}} ", rest, re.MULTILINE)
            found[heading[2]] += rest[: end.start() if end else None]
    return found


def test_every_rule_is_answered() -> None:
    assert len(RULES) == 54
    assert list(ANSWERS) == [rule for tier in TIERS.values() for rule in sorted(tier)]
    for rule, answer in ANSWERS.items():
        if answer != "done":
            assert answer.keys() == {"status", "comment"}, rule
            assert answer["status"] in {"done", "exempt", "todo"}, rule
            assert len(answer["comment"].split()) >= 5, rule


def test_every_done_rule_has_evidence() -> None:
    shown = SECTIONS.keys() | CODE.keys() | TESTED_BELOW
    assert shown <= RULES
    assert [rule for rule in RULES - shown if is_done(rule)] == []


@pytest.mark.parametrize("rule", [rule for rule in CODE if is_done(rule)])
def test_the_code_meets_a_rule(rule: str) -> None:
    files = [*SOURCES, INTEGRATION / "icons.json"]
    assert any(re.search(CODE[rule], file.read_text()) for file in files)


@pytest.mark.parametrize("rule", [rule for rule in SECTIONS if is_done(rule)])
def test_the_documents_have_the_section_a_rule_requires(rule: str) -> None:
    found = sections()
    for heading in SECTIONS[rule]:
        assert len(found[heading].split()) >= 10, heading


def test_exempt_features_are_absent() -> None:
    for rule, name in {"docs-triggers": "triggers", "docs-conditions": "conditions"}.items():
        assert is_done(rule) == (INTEGRATION / f"{name}.yaml").exists(), rule


def test_every_platform_sets_parallel_updates() -> None:
    for platform in ("binary_sensor", "select", "sensor", "text"):
        source = (INTEGRATION / f"{platform}.py").read_text()
        assert re.search(r"^PARALLEL_UPDATES: Final = \d$", source, re.MULTILINE), platform


def test_no_tier_is_claimed_that_is_not_earned() -> None:
    todo = {rule for rule, answer in ANSWERS.items() if "todo" in str(answer)}
    assert todo == {"async-dependency", "strict-typing"}
    assert "quality_scale" not in read_json(INTEGRATION / "manifest.json")


def test_types_are_strict() -> None:
    assert (INTEGRATION / "py.typed").exists()
    mypy = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]
    assert mypy["strict"] is True
    assert "custom_components" in mypy["files"]


def test_everything_has_to_be_covered() -> None:
    coverage = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["coverage"]
    assert coverage["run"] == {"branch": True, "source": ["custom_components"]}
    assert coverage["report"]["fail_under"] == 100


def test_the_manifest_has_an_owner_and_a_requirement() -> None:
    manifest = read_json(INTEGRATION / "manifest.json")
    assert manifest["codeowners"]
    assert len(manifest["requirements"]) == 1
    assert (INTEGRATION / "brand/icon.png").exists()
