"""Text from Microsoft made safe to show and to compare, and pasted text as it was meant."""

from html import unescape
import re
from typing import Final
import unicodedata

# What Microsoft's ids look like: of a tenant, an app, a person.
GUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
# The longest display name and address in a directory.
MAX_LENGTH: Final = 256
_ADDRESS_PART: Final = r"[^\s@<>()\[\]{}:;,\"]{1,256}"
_PERSON: Final = re.compile(f"{_ADDRESS_PART}@{_ADDRESS_PART}|{GUID.pattern}", re.IGNORECASE)
# Joiners are format characters, too, and part of Persian and Indian names.
_JOINERS: Final = frozenset("\u200c\u200d")
# Invisible, though of other categories: fillers, an empty Braille cell, variation selectors.
_FILLERS: Final = frozenset("\u034f\u115f\u1160\u2800\u3164\ufe0e\ufe0f\uffa0")
# Joiners that are not between letters of a script that has them.
_STRAY_JOINERS: Final = re.compile(
    r"(?<![^\x00-\u02ff])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\u02ff])"
)
_QUOTES: Final = "\"'`\u00ab\u00bb\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2039\u203a"
# What Markdown or HTML makes a link, an image, a table or an alert from.
_MARKUP: Final = re.compile(r"[\[\]<>{}|`\\]|(?<=:)//|(?<=\bwww)\.", re.IGNORECASE)
# Only with its semicolon: "Q&A" and "R&D" are text.
_CHARACTER_REFERENCE: Final = re.compile(
    r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});", re.IGNORECASE
)
_LINE_BREAK: Final = re.compile(r"<br\s*/?>|(</(?:p|div|li|h[1-3])\s*>)", re.IGNORECASE)
_TAG: Final = re.compile(r"</?([a-z][a-z0-9]*+)[^<>]*+>", re.IGNORECASE)
_CLOSING_TAG: Final = re.compile(r"</([a-z][a-z0-9]*)\s*>", re.IGNORECASE)
_TEAMS_TAGS: Final = frozenset(
    [
        "a",
        "at",
        "b",
        "blockquote",
        "code",
        "del",
        "div",
        "em",
        "font",
        "h1",
        "h2",
        "h3",
        "i",
        "ins",
        "li",
        "ol",
        "p",
        "pre",
        "s",
        "span",
        "strong",
        "sub",
        "sup",
        "u",
        "ul",
    ]
)
_ANYTHING_IN_BRACKETS: Final = re.compile(r"<[^<>]*>")
_BRACKETS: Final = re.compile(r"[<>]")


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
    is_quoted = text.startswith(tuple(_QUOTES)) and text.endswith(tuple(_QUOTES))
    return text.strip(_QUOTES).strip() if is_quoted else text


def pasted_person(value: str) -> str:
    """Return the one address or object id in a pasted text, such as `Robin <r@x>`, or the text."""
    text = pasted_text(value)
    found = set(_PERSON.findall(text))
    return found.pop() if len(found) == 1 else text


def _visible(character: str) -> str:
    """Return a character, a space for a control character, nothing for an invisible one."""
    category = unicodedata.category(character)
    if category == "Cf" and character not in _JOINERS:
        return ""
    return " " if category in {"Cc", "Cn", "Co", "Cs"} else character


def unescaped(text: str) -> str:
    """Decode character references once."""
    return _CHARACTER_REFERENCE.sub(lambda found: unescape(found[0]), text)


def message_text(content: str, *, is_html: bool = False) -> str:
    """Return a status message as Teams shows it."""
    # Teams may wrap even a text in tags. Other brackets are the person's: `<3`, `a <b> c`.
    closed = {name.lower() for name in _CLOSING_TAG.findall(content)} & _TEAMS_TAGS
    text = _TAG.sub(
        lambda tag: "" if is_html or tag[1].lower() in closed else tag[0],
        _LINE_BREAK.sub(r"\n\1", content),
    )
    # Graph escapes the text as XML, so "R&D" comes back as "R&amp;D", and a typed "&amp;" as
    # "&amp;amp;". Unescaping it once is right for both. Only if Graph doesn't escape it, a typed
    # "&amp;" is shown as "&".
    lines = unescaped(text).replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", lines).strip()


def normalized(text: str) -> str:
    """Return a text as it is compared."""
    # An XML sanitizer may escape a text, and remove what looks like a tag, or its brackets.
    plain = _BRACKETS.sub("", _TAG.sub("", unescaped(unescaped(text))))
    visible = "".join(map(_visible, unicodedata.normalize("NFC", plain)))
    return " ".join(visible.split())


def is_same_message(read: str, written: str) -> bool:
    """Return whether a message is the written one, perhaps sanitized."""
    if read == written:
        return True
    # A sanitizer may also remove brackets, what is in them, or what follows one.
    variants = (
        written,
        _BRACKETS.sub("", written),
        _ANYTHING_IN_BRACKETS.sub("", written),
        written.partition("<")[0],
    )
    found = normalized(read)
    return found != "" and found in map(normalized, variants)
