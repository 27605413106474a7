"""Text of the fault table's results."""


def told(*words: str | None) -> str:
    """Join the non-empty parts of a result."""
    return "; ".join(word for word in words if word)


def number_of(number: int, what: str) -> str:
    """Return a number with its noun."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
