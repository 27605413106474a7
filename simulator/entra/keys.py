"""The key that signs tokens."""

from functools import cache
import json
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa
import jwt

from simulator.wire import Json

KEY_ID: Final = "simulated-signing-key"


@cache
def signing_key() -> rsa.RSAPrivateKey:
    """Return the private key, one per process."""
    # One key for all simulators of a process: its creation is slow, and a token of another cloud must be rejected
    # for its audience, not for its signature.
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def key_set(issuer: str) -> Json:
    """Serialize the public key as JSON Web Key Set."""
    key: Json = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(signing_key().public_key()))
    # Microsoft's keys name no algorithm.
    return {"keys": [key | {"use": "sig", "kid": KEY_ID, "x5t": KEY_ID, "issuer": issuer}]}
