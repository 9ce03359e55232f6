"""Tokens of an identity provider."""

import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public(key: Any, key_id: str, algorithm: str, **more: str) -> dict[str, Any]:
    maker = jwt.get_algorithm_by_name(algorithm)
    found: dict[str, Any] = json.loads(maker.to_jwk(key.public_key()))
    return found | {"kid": key_id, "alg": algorithm} | more


def claims(**more: Any) -> dict[str, Any]:
    said = {
        "iss": "https://id.example",
        "aud": "stockledger",
        "sub": "mika",
        "exp": int(time.time()) + 300,
        "roles": ["clerk"],
        "locations": ["main", "annex"],
    } | more
    return {name: value for name, value in said.items() if value is not None}


def token(key: Any = RSA_KEY, algorithm: str = "RS256", key_id: str = "r1", **more: Any) -> str:
    return jwt.encode(claims(**more), key, algorithm, headers={"kid": key_id})
