"""Modules import in one direction and stay small."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.repository import INTEGRATION, SOURCES

MAX_CLASS: int = 330
MAX_FUNCTION: int = 40
# Lines of code outside `graph/` and `entra/`, without blanks, docstrings, comments and imports.
MAX_CODE: int = 2970
# Words per docstring, on average.
MAX_WORDS: float = 9.5
# From lowest to highest; modules only import from lower layers.
LAYERS = (
    {"const", "graph"},
    {"entra"},
    {"auth"},
    {"writes"},
    {"preferred_presence"},
    {"account"},
    {"issues", "registration_form"},
    {"coordinator"},
    {"sessions"},
    {"runtime"},
    {"entity", "services", "repairs", "diagnostics", "system_health"},
    {"sensor", "binary_sensor", "select", "text", "trigger", "condition", "subentry_flow"},
    {"config_flow", "llm"},
    {"__init__"},
)


def name_of(path: Path) -> str:
    """Return a module's dotted name within the integration."""
    return ".".join(path.relative_to(INTEGRATION).with_suffix("").parts)


def imports(path: Path) -> Iterator[str]:
    """Yield the integration's modules that a module imports."""
    package = path.relative_to(INTEGRATION).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*package[: len(package) - node.level + 1], *filter(None, [node.module])]
            for alias in node.names:
                whole = INTEGRATION.joinpath(*base, f"{alias.name}.py")
                yield ".".join([*base, alias.name] if whole.exists() else base)


def code_lines(path: Path) -> set[int]:
    """Return the numbers of lines with code."""
    source = path.read_text()
    tree = ast.parse(source)
    lines = {
        number
        for number, line in enumerate(source.splitlines(), 1)
        if line.strip() and not line.strip().startswith("#")
    }
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if is_text or isinstance(node, ast.Import | ast.ImportFrom):
            assert isinstance(node, ast.stmt)
            lines -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


def test_there_are_no_import_cycles() -> None:
    graph = {name_of(path): set(imports(path)) for path in SOURCES}
    assert sum(map(len, graph.values())) > 80

    assert list(TopologicalSorter(graph).static_order())


def test_imports_point_down() -> None:
    layer = {name: number for number, names in enumerate(LAYERS) for name in names}
    modules = {name_of(path).partition(".")[0] for path in SOURCES}
    assert modules == layer.keys()

    assert [
        (name, imported)
        for path in SOURCES
        for imported in imports(path)
        if (name := name_of(path).partition(".")[0]) != (low := imported.partition(".")[0])
        and layer[low] >= layer[name]
    ] == []


@pytest.mark.parametrize("package", ["graph", "entra"])
def test_a_package_without_home_assistant_does_not_import_it(package: str) -> None:
    sources = [path for path in SOURCES if name_of(path).startswith(f"{package}.")]
    assert sources

    assert [path.name for path in sources if "homeassistant" in path.read_text()] == []


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_classes_and_functions_are_short(path: Path) -> None:
    lengths = {
        (node.name, type(node) is ast.ClassDef): (node.end_lineno or 0) - node.lineno + 1
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    }
    limits = {True: MAX_CLASS, False: MAX_FUNCTION}

    assert {
        name: length for (name, is_class), length in lengths.items() if length > limits[is_class]
    } == {}


def test_there_is_little_code_outside_graph_and_entra() -> None:
    counted = sum(
        len(code_lines(path))
        for path in SOURCES
        if name_of(path).partition(".")[0] not in {"graph", "entra"}
    )

    assert counted <= MAX_CODE


def test_docstrings_are_short() -> None:
    words = [
        len(text.split())
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.Module)
        and (text := ast.get_docstring(node))
    ]

    assert sum(words) / len(words) <= MAX_WORDS
