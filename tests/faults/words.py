"""How what was seen is put into words."""


def told(*words: str | None) -> str:
    """Put what was seen into one line."""
    return "; ".join(word for word in words if word)


def number_of(number: int, what: str) -> str:
    """Return a number with its noun."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
