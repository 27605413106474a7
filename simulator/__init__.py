"""A Microsoft tenant on loopback: Entra, Graph, Teams page."""

from .entra.errors import SignInError
from .request_log import Request
from .server import Simulator
from .tenant import Person, Tenant
from .tls import Certificate

__all__ = ["Certificate", "Person", "Request", "SignInError", "Simulator", "Tenant"]
