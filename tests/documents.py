"""The documents, taken apart: the YAML to paste, the tables, the headings and the links."""

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
    """One document of YAML in a document of prose."""

    document: str
    number: int
    content: Any

    @property
    def name(self) -> str:
        """Where it stands."""
        return f"{self.document}-{self.number}"


def blocks(document: Path, language: str) -> list[str]:
    """Return the blocks of code in a language."""
    return [block for kind, block in _FENCED.findall(document.read_text()) if kind == language]


def snippets(document: Path) -> list[Snippet]:
    """Return everything in YAML that a document shows."""
    parts = [part for block in blocks(document, "yaml") for part in block.split("\n---\n")]
    return [
        Snippet(document.name, number, parse_yaml(part)) for number, part in enumerate(parts, 1)
    ]


def prose(document: Path) -> str:
    """Return a document without its blocks of code, in which # begins no heading."""
    return _FENCED.sub("", document.read_text())


def rows(document: Path, heading: str) -> list[list[str]]:
    """Return the rows of all tables whose first column has a heading."""
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
    """Return where a document leads, pictures included."""
    return _LINK.findall(_INLINE_CODE.sub("", prose(document)))


@cache
def anchors(document: Path) -> set[str]:
    """Return what a link into a document may name, as GitHub makes it of the headings."""
    found: set[str] = set()
    for heading in _HEADING.findall(prose(document)):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        count = sum(known == anchor or known.startswith(f"{anchor}-") for known in found)
        found.add(f"{anchor}-{count}" if anchor in found else anchor)
    return found


def beginning(sentence: str) -> str:
    """Return what somebody would look for of a message: its first sentence, without placeholders."""
    said = re.sub(r"\{\w+\}", "…", sentence)
    return re.split(r"(?<=[.?!])\s", said)[0].rstrip(".")
