"""Home Assistant runs `voluptuous` as an alias of probatio; this tells mypy the same."""

from probatio import *
