"""Text from Microsoft made safe to show, and pasted text freed from what copying adds."""

import re
from typing import Final
import unicodedata

# The longest display name and address in a directory.
MAX_LENGTH: Final = 256
# Joiners are format characters, too, and part of Persian and Indian names.
_JOINERS: Final = frozenset("\u200c\u200d")
# Invisible, though of other categories: fillers, an empty Braille cell, variation selectors.
_FILLERS: Final = frozenset("\u034f\u115f\u1160\u2800\u3164\ufe0e\ufe0f\uffa0")
# Joiners that are not between letters of a script that has them.
_STRAY_JOINERS: Final = re.compile(
    r"(?<![^\x00-\u02ff])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\u02ff])"
)
_QUOTE: Final = r"[\"'`\u00ab\u00bb\u2018-\u201f\u2039\u203a]+"
_QUOTED: Final = re.compile(f"{_QUOTE}(.*?){_QUOTE}", re.DOTALL)
# What Markdown or HTML makes a link, an image, a table or an alert from.
_MARKUP: Final = re.compile(r"[\[\]<>{}|`\\]|(?<=:)//|(?<=\bwww)\.", re.IGNORECASE)


def plain_text(value: object) -> str:
    """Return a name or an address as one line without markup or invisible characters.

    Anything but a string is empty. At most 256 characters are returned.
    """
    if not isinstance(value, str):
        return ""
    visible = "".join(map(_visible, value[: 4 * MAX_LENGTH]))
    return " ".join(_MARKUP.sub(" ", visible).split())[:MAX_LENGTH].rstrip()


def pasted_text(value: str) -> str:
    """Return what a person typed or pasted, as it was meant.

    Without invisible characters, full-width forms, surrounding spaces and quotes.
    """
    visible = "".join(
        character
        for character in value
        if character in _JOINERS
        or (unicodedata.category(character) not in {"Cf", "Cs"} and character not in _FILLERS)
    )
    text = unicodedata.normalize("NFKC", _STRAY_JOINERS.sub("", visible)).strip()
    if quoted := _QUOTED.fullmatch(text):
        return quoted[1].strip()
    return text


def _visible(character: str) -> str:
    """Return a character, a space for a control character, nothing for an invisible one."""
    category = unicodedata.category(character)
    if category == "Cf" and character not in _JOINERS:
        return ""
    return " " if category in {"Cc", "Cn", "Co", "Cs"} else character
