"""Text from Microsoft, which other people choose, made safe to show."""

import re
from typing import Final
import unicodedata

# The longest display name and address in a directory.
MAX_LENGTH: Final = 256
# Joiners are format characters, too, and part of Persian and Indian names.
_JOINERS: Final = frozenset("\u200c\u200d")
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


def _visible(character: str) -> str:
    """Return a character, a space for a control character, nothing for an invisible one."""
    category = unicodedata.category(character)
    if category == "Cf" and character not in _JOINERS:
        return ""
    return " " if category in {"Cc", "Cn", "Co", "Cs"} else character
