"""Paths and file readers of this repository."""

import ast
from collections.abc import Iterator, Mapping
import json
from pathlib import Path
from typing import Any

from custom_components.ms_teams_presence.const import DOMAIN
from tests.documents import ROOT

INTEGRATION = ROOT / "custom_components" / DOMAIN
SOURCES = sorted(INTEGRATION.rglob("*.py"))
TRANSLATIONS = sorted((INTEGRATION / "translations").glob("*.json"))


def read_json(path: Path) -> Any:
    """Read a JSON file and reject duplicate keys."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        assert len(keys) == len(set(keys)), f"duplicate keys among {keys} in {path.name}"
        return dict(pairs)

    return json.loads(path.read_text(), object_pairs_hook=unique)


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every string of a tree with its path."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from leaves(value, f"{path}.{key}" if path else key)
    else:
        yield path, tree


def literals(node: ast.AST) -> Iterator[str]:
    """Yield the string literals below a node, except docstrings."""
    docstrings = {
        id(owner.body[0].value)
        for owner in ast.walk(node)
        if isinstance(owner, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and owner.body
        and isinstance(owner.body[0], ast.Expr)
    }
    for child in ast.walk(node):
        if (
            isinstance(child, ast.Constant)
            and isinstance(child.value, str)
            and id(child) not in docstrings
        ):
            yield child.value
