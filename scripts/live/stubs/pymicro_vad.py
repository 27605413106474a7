"""Stub for a package without a wheel.

The frontend needs Home Assistant's list of actions, and that list imports this package. Without
a compiler it can't be installed. The demo home has no microphone.
"""


class MicroVad:
    """Imported, never used."""
