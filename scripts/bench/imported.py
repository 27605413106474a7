"""List the integration's modules and those it imports."""

import ast
from pathlib import Path
from typing import Final

INTEGRATION: Final = Path(__file__).resolve().parents[2] / "custom_components/ms_teams_presence"
_PACKAGE: Final = "custom_components.ms_teams_presence"


def integration_modules() -> list[str]:
    """List the modules of the integration."""
    modules = []
    for file in sorted(INTEGRATION.rglob("*.py")):
        parts = file.relative_to(INTEGRATION).with_suffix("").parts
        modules.append(".".join((_PACKAGE, *(part for part in parts if part != "__init__"))))
    return modules


def home_assistant_modules() -> list[str]:
    """List the modules of Home Assistant that it imports."""
    found: set[str] = set()
    for file in INTEGRATION.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module)
                if node.module == "homeassistant.helpers":
                    # `from homeassistant.helpers import issue_registry` imports a module, too.
                    found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return sorted(name for name in found if name.partition(".")[0] == "homeassistant")
