"""Update measured figures in a document.

Usage: `python -m scripts.document DOCUMENT SCRIPT < text`
"""

from pathlib import Path
import re
import sys
from typing import Final

_END: Final = "<!-- to here -->"


def write(document: Path, script: str, text: str) -> None:
    """Replace the text between a script's markers."""
    begin = f"<!-- {script} writes from here -->"
    pattern = re.compile(f"({re.escape(begin)}\n).*?({re.escape(_END)})", re.DOTALL)
    old = document.read_text()
    if not pattern.search(old):
        raise ValueError(f"{document} has no markers for {script}")
    document.write_text(pattern.sub(lambda match: f"{match[1]}\n{text}\n\n{match[2]}", old))


if __name__ == "__main__":
    write(Path(sys.argv[1]), sys.argv[2], sys.stdin.read().strip())
