"""Stub for a package without a wheel; see pymicro_vad."""


class AudioProcessor:
    """Imported, never used."""
