"""Parser for documents: YAML, tables, headings and links."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
import re
from typing import Any, Final

from homeassistant.util.yaml import parse_yaml

ROOT: Final = Path(__file__).parents[1]
DOCUMENTS: Final = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_INLINE_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\]\(([^()\s]*(?:\([^()\s]*\))?[^()\s]*)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)


@dataclass(frozen=True)
class Snippet:
    """A YAML block of a Markdown document."""

    document: str
    number: int
    content: Any

    @property
    def name(self) -> str:
        """Return the file and line."""
        return f"{self.document}-{self.number}"


def blocks(document: Path, language: str) -> list[str]:
    """Return the code blocks of a language."""
    return [block for kind, block in _FENCED.findall(document.read_text()) if kind == language]


def snippets(document: Path) -> list[Snippet]:
    """Return the YAML blocks of a document."""
    parts = [part for block in blocks(document, "yaml") for part in block.split("\n---\n")]
    return [
        Snippet(document.name, number, parse_yaml(part)) for number, part in enumerate(parts, 1)
    ]


def prose(document: Path) -> str:
    """Return a document without code blocks."""
    return _FENCED.sub("", document.read_text())


def rows(document: Path, heading: str) -> list[list[str]]:
    """Return the rows of tables with a given first heading."""
    found: list[list[str]] = []
    inside = False
    for line in prose(document).splitlines():
        if not line.startswith("|"):
            inside = False
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))]
        if inside and not set(cells[0]) <= {"-", ":"}:
            found.append(cells)
        inside = inside or cells[0] == heading
    return found


def links(document: Path) -> list[str]:
    """Return the targets of links and images."""
    return _LINK.findall(_INLINE_CODE.sub("", prose(document)))


@cache
def anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub generates from headings."""
    found: set[str] = set()
    for heading in _HEADING.findall(prose(document)):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        count = sum(other == anchor or other.startswith(f"{anchor}-") for other in found)
        found.add(f"{anchor}-{count}" if anchor in found else anchor)
    return found


def first_sentence(message: str) -> str:
    """Return a message's first sentence with `…` for placeholders."""
    text = re.sub(r"\{\w+\}", "…", message)
    return re.split(r"(?<=[.?!])\s", text)[0].rstrip(".")
