"""Every text the code uses exists, and every text is used."""

import ast
from collections import defaultdict
from collections.abc import Iterator
import importlib
import re
from typing import Any

from homeassistant.util.yaml import load_yaml_dict
import pytest

from custom_components.ms_teams_presence import account
from custom_components.ms_teams_presence.entra.errors import SIGN_IN_ERRORS
from tests.documents import ROOT
from tests.repository import INTEGRATION, SOURCES, leaves, literals, read_json

# Sections of the translations by the module that uses them.
FLOWS = {
    "auth": ("config",),
    "registration_form": ("config",),
    "config_flow": ("config", "options"),
    "subentry_flow": ("config_subentries.person",),
    "repairs": ("issues.*.fix_flow",),
}
# Parameters with a text key, and the text's section within a flow.
FLOW_PARAMETERS = {
    "menu_options": "step",
    "progress_action": "progress",
    "reason": "abort",
    "step_id": "step",
}
# The same outside of flows.
GLOBAL_PARAMETERS = {"translation_key": ("exceptions", "issues", "selector", "entity.*")}
# Functions whose first argument is a text key.
FIRST_ARGUMENT = {"SignInError": "config.error", "_validation_error": "exceptions"}
# Translation keys of exceptions.
EXCEPTIONS = set(account.REASONS.values())
# Tables of text keys.
TABLES = {
    "config.error": set(SIGN_IN_ERRORS),
    "config_subentries.person.error": EXCEPTIONS,
    "exceptions": EXCEPTIONS,
}
# Sections whose keys must all be in the code.
USED_BY_THE_CODE = (
    *(
        f"{flow}.{kind}"
        for flow in ("config", "config_subentries.person", "options", "issues.*.fix_flow")
        for kind in ("abort", "error", "progress", "step", "step.*.data", "step.*.menu_options")
    ),
    "config_subentries",
    "config_subentries.person.initiate_flow",
    "conditions",
    "entity.*.*.state_attributes",
    "exceptions",
    "issues",
    "selector",
    "selector.*.options",
    "system_health.info",
    "triggers",
)
# Used by Home Assistant itself.
NOT_OURS = {"already_configured"}


def find(tree: Any, path: str) -> dict[str, Any]:
    """Return a section; a star in the path matches all keys."""
    name, _, rest = path.partition(".")
    if not path:
        return dict(tree)
    found = tree.values() if name == "*" else [tree.get(name, {})]
    return {key: value for branch in found for key, value in find(branch, rest).items()}


def named_by_call(call: ast.Call, module: str) -> Iterator[tuple[tuple[str, ...], ast.AST]]:
    """Yield a call's text keys with their possible sections."""
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    if name in FIRST_ARGUMENT and call.args:
        yield (FIRST_ARGUMENT[name],), call.args[0]
    for keyword in call.keywords:
        if keyword.arg in GLOBAL_PARAMETERS:
            yield GLOBAL_PARAMETERS[keyword.arg], keyword.value
        elif keyword.arg in FLOW_PARAMETERS and module in FLOWS:
            kind = FLOW_PARAMETERS[keyword.arg]
            yield tuple(f"{flow}.{kind}" for flow in FLOWS[module]), keyword.value


def named_as_error(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a form's errors: `errors[field] = ...` and `{"base": ...}`."""
    if isinstance(node, ast.Assign):
        target = node.targets[0]
        if isinstance(target, ast.Subscript) and getattr(target.value, "id", "") == "errors":
            yield node.value
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == "base":
                yield value


def named_by(source: ast.Module, module: str) -> Iterator[tuple[tuple[str, ...], ast.AST]]:
    """Yield a module's text keys with their possible sections."""
    for node in ast.walk(source):
        if isinstance(node, ast.Call):
            yield from named_by_call(node, module)
        for value in named_as_error(node) if module in FLOWS else ():
            yield tuple(f"{flow}.error" for flow in FLOWS[module]), value


def value_of(node: ast.AST, module: Any) -> Iterator[str]:
    """Yield the possible string values of an expression."""
    if isinstance(node, ast.Constant):
        yield from [node.value] if isinstance(node.value, str) else []
    elif isinstance(node, ast.Name) and node.id.isupper():
        value = getattr(module, node.id)
        yield from [value] if isinstance(value, str) else value
    elif not isinstance(node, ast.Subscript):  # a lookup is not a literal
        parts = (
            [node.body, node.orelse]
            if isinstance(node, ast.IfExp)
            else [*ast.iter_child_nodes(node)]
        )
        for part in parts:
            yield from value_of(part, module)


@pytest.fixture(name="english", scope="module")
def english_fixture() -> dict[str, Any]:
    """Return the English texts."""
    english: dict[str, Any] = read_json(INTEGRATION / "translations/en.json")
    return english


def sources() -> Iterator[tuple[Any, ast.Module]]:
    """Yield every module of the integration, imported and parsed."""
    for path in SOURCES:
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        yield importlib.import_module(name), ast.parse(path.read_text())


def test_every_text_that_the_code_names_exists(english: dict[str, Any]) -> None:
    named: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for module, source in sources():
        for sections, node in named_by(source, module.__name__.rpartition(".")[2]):
            named[sections].update(value_of(node, module))
    for section, names in TABLES.items():
        named[section,].update(names)

    missing = {
        sections: absent
        for sections, keys in named.items()
        if (absent := keys - {key for path in sections for key in find(english, path)})
    }
    # This step shows the text of its progress.
    missing["config.step", "options.step"].remove("wait_for_device_code")
    missing = {sections: absent for sections, absent in missing.items() if absent}
    assert missing == {}
    # The walk must find these, so that it can't pass by finding nothing.
    assert {"config.error", "exceptions"} <= {path for paths in named for path in paths}
    assert {"user", "reauth_confirm"} <= named["config.step", "options.step"]
    assert {"wrong_account"} <= named["config.abort", "options.abort"]


def test_every_text_that_exists_is_used(english: dict[str, Any]) -> None:
    actions = load_yaml_dict(INTEGRATION / "services.yaml")
    used = {text for _, text in leaves(actions) if isinstance(text, str)}
    for module, source in sources():
        used.update(value for value in vars(module).values() if isinstance(value, str))
        used.update(literals(source))
        used.update(
            node.name.removeprefix("async_step_")
            for node in ast.walk(source)
            if isinstance(node, ast.AsyncFunctionDef)
        )

    unused = {
        path: absent
        for path in USED_BY_THE_CODE
        if (absent := find(english, path).keys() - used - NOT_OURS)
    }
    assert unused == {}


def test_every_validation_error_fills_its_placeholders(english: dict[str, Any]) -> None:
    checked = 0
    for module, source in sources():
        for node in ast.walk(source):
            if (
                not isinstance(node, ast.Call)
                or getattr(node.func, "id", "") != "_validation_error"
            ):
                continue
            given = {keyword.arg for keyword in node.keywords}
            for key in value_of(node.args[0], module):
                message = english["exceptions"][key]["message"]
                assert set(re.findall(r"\{(\w+)\}", message)) == given, key
                checked += 1
    assert checked
