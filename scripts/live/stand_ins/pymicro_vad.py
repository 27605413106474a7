"""Stands in for a package that tells speech from silence and has no wheel.

Home Assistant's list of actions cannot be read without it, so a machine without a compiler would
show no page at all. The demo home has no microphone.
"""


class MicroVad:
    """Imported, never used."""
