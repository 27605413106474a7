"""The simulator's modules are small and independent."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter

import pytest

from tests.documents import ROOT

MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "simulator").rglob("*.py"))
}
MAX_LINES = 400


def imports(module: str) -> Iterator[str]:
    """List a module's imports, also those within functions."""
    path = MODULES[module]
    package = module.split(".") if path.stem == "__init__" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            parents = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*parents, *filter(None, [node.module])])
            for alias in node.names:
                name = f"{source}.{alias.name}"
                yield name if name in MODULES else source


def test_imports_are_not_circular() -> None:
    graph = {module: set(imports(module)) & MODULES.keys() for module in MODULES}
    assert set(TopologicalSorter(graph).static_order()) == MODULES.keys()
    # The check finds imports.
    assert {"simulator.state", "simulator.page"} <= graph["simulator.server"]
    assert "simulator.entra.errors" in graph["simulator.entra.pages"]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_small(module: str) -> None:
    assert len(MODULES[module].read_text().splitlines()) <= MAX_LINES


@pytest.mark.parametrize("module", MODULES)
def test_the_integration_is_not_imported(module: str) -> None:
    assert not [name for name in imports(module) if name.startswith("custom_components")]
