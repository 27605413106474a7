"""Stands in for a package that takes noise out of speech and has no wheel; see pymicro_vad."""


class AudioProcessor:
    """Imported, never used."""
