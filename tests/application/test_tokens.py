"""Tokens of an identity provider: which are valid, and which principal they give."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from application.access import tokens
from application.access.errors import Forbidden, Unauthenticated
from application.access.roles import Role
from application.access.tokens import IdentityProviderUnavailable, TokenRules, TokenVerifier
from tests.support.tokens import OTHER_KEY, RSA_KEY, claims, public, token

pytestmark = pytest.mark.pure

RULES = TokenRules(
    issuer="https://id.example", audience="stockledger", algorithms=["RS256", "ES256"]
)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC_PEM = RSA_KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)


class Provider:
    """An identity provider that publishes keys, and counts the fetches."""

    def __init__(self) -> None:
        self.keys = [public(RSA_KEY, "r1", "RS256"), public(EC_KEY, "e1", "ES256")]
        self.asked = 0
        self.is_down = False

    def __call__(self) -> Mapping[str, Any]:
        self.asked += 1
        if self.is_down:
            raise IdentityProviderUnavailable("down")
        return {"keys": self.keys}


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def verifier(provider: Provider) -> TokenVerifier:
    return TokenVerifier(RULES, provider)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A function that advances the monotonic clock by seconds."""
    skipped = 0.0
    real = time.monotonic

    def skip(seconds: float) -> None:
        nonlocal skipped
        skipped += seconds

    monkeypatch.setattr("application.access.tokens.time.monotonic", lambda: real() + skipped)
    return skip


def reason(verifier: TokenVerifier, forged: str) -> str:
    with pytest.raises(Unauthenticated) as refused:
        verifier.verify(forged)
    return refused.value.reason


@pytest.mark.parametrize(
    ("key", "algorithm", "key_id"), [(RSA_KEY, "RS256", "r1"), (EC_KEY, "ES256", "e1")]
)
def test_good_token_tells_who_bears_it(
    key: Any, algorithm: str, key_id: str, verifier: TokenVerifier
) -> None:
    principal, until = verifier.verify(token(key, algorithm, key_id))
    assert principal.actor == ("mika", None)
    assert principal.role is Role.CLERK
    assert principal.locations == {"main", "annex"}
    assert principal.device is None
    assert until.timestamp() == pytest.approx(time.time() + 300, abs=60)


def unsigned() -> str:
    return jwt.encode(claims(), None, "none", headers={"kid": "r1"})  # type: ignore[arg-type]


def signed_with_the_public_key() -> str:
    """Key confusion attack: an HMAC with the public key, in place of an RSA signature."""
    head = jwt.utils.base64url_encode(b'{"alg":"HS256","typ":"JWT","kid":"r1"}')
    body = jwt.utils.base64url_encode(json.dumps(claims()).encode())
    maker = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signature = jwt.utils.base64url_encode(maker.sign(head + b"." + body, PUBLIC_PEM))
    return b".".join([head, body, signature]).decode()


def nested(depth: int) -> str:
    """Nested brackets that overflow the stack of a recursive parser."""
    head = jwt.utils.base64url_encode(b'{"alg":"RS256","kid":' + b"[" * depth)
    return f"{head.decode()}.e30.e30"


def with_changed_claims() -> str:
    head, _, signature = token().split(".")
    body = jwt.utils.base64url_encode(json.dumps(claims(roles=["admin"])).encode()).decode()
    return f"{head}.{body}.{signature}"


@pytest.mark.parametrize(
    "forged",
    [
        lambda: "",
        lambda: "a.b.c",
        lambda: token()[:-4],
        unsigned,
        lambda: unsigned() + token().rpartition(".")[2],
        signed_with_the_public_key,
        with_changed_claims,
        lambda: token(OTHER_KEY),
        lambda: token(key_id="nobody's"),
        lambda: token(algorithm="RS512"),
        lambda: token(algorithm="PS256"),
        lambda: token(EC_KEY, "ES256", "r1"),
        lambda: token(RSA_KEY, "RS256", "e1"),
        lambda: token(aud="another"),
        lambda: token(aud=None),
        lambda: token(iss="https://evil.example"),
        lambda: token(iss=None),
        lambda: token(exp=None),
        lambda: token(exp="soon"),
        lambda: token(exp=10**20),
        lambda: token(nbf=int(time.time()) + 3_600),
        lambda: token(sub=None),
        lambda: token(sub=""),
        lambda: token(sub="x" * 201),
        lambda: token(sub="mika\n2026 KEY_CREATED"),
        lambda: token(sub="mi\0ka"),
        lambda: token(sub="\ud800"),
        lambda: nested(10_000),
    ],
)
def test_token_that_is_not_good_is_refused(
    forged: Callable[[], str], verifier: TokenVerifier
) -> None:
    assert reason(verifier, forged()) in {"invalid", "malformed"}


def test_expired_token_is_refused_as_such(verifier: TokenVerifier) -> None:
    assert reason(verifier, token(exp=int(time.time()) - 60)) == "expired"


@pytest.mark.parametrize("key", [{"use": "enc"}, {"alg": "RSA-OAEP"}])
def test_keys_for_other_uses_do_not_count(key: dict[str, str], provider: Provider) -> None:
    provider.keys = [public(RSA_KEY, "r1", "RS256") | key, public(EC_KEY, "e1", "ES256")]
    assert reason(TokenVerifier(RULES, provider), token()) == "invalid"


def test_secret_that_a_provider_publishes_by_mistake_does_not_count(provider: Provider) -> None:
    secret = {"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTMyISE", "kid": "s1"}
    provider.keys.append(secret | {"alg": "HS256"})
    raw = b"secret-secret-secret-secret-32!!"
    assert reason(TokenVerifier(RULES, provider), token(raw, "HS256", "s1")) == "invalid"


@pytest.mark.parametrize(
    ("roles", "role"),
    [
        ("manager", Role.MANAGER),
        (["clerk", "manager", "something else"], Role.MANAGER),
        (["auditor", "device"], Role.DEVICE),
    ],
)
def test_mightiest_role_counts(roles: Any, role: Role, verifier: TokenVerifier) -> None:
    assert verifier.verify(token(roles=roles))[0].role is role


@pytest.mark.parametrize("roles", [None, [], "boss", 7, [["admin"]], {"admin": True}])
def test_token_without_a_role_of_ours_is_forbidden(roles: Any, verifier: TokenVerifier) -> None:
    with pytest.raises(Forbidden):
        verifier.verify(token(roles=roles))


def test_locations_that_can_not_be_are_left_out(verifier: TokenVerifier) -> None:
    principal, _ = verifier.verify(token(locations=["main", "", "a\0b", "\ud800", " x", 7]))
    assert principal.locations == {"main"}


def test_claims_are_found_where_the_settings_say(provider: Provider) -> None:
    rules = TokenRules(
        issuer=RULES.issuer,
        audience=RULES.audience,
        algorithms=RULES.algorithms,
        actor_claim="email",
        role_claim="realm_access.roles",
        location_claim="https://shop.example/places",
        roles={"warehouse-lead": Role.MANAGER},
    )
    said: dict[str, Any] = {
        "email": "mika@shop.example",
        "realm_access": {"roles": ["warehouse-lead", "admin"]},
        "https://shop.example/places": "main",
    }
    principal, _ = TokenVerifier(rules, provider).verify(token(**said))
    assert principal.actor.name == "mika@shop.example"
    assert principal.role is Role.MANAGER
    assert principal.locations == {"main"}


def test_new_key_is_fetched_when_a_token_names_it(
    verifier: TokenVerifier, provider: Provider, later: Callable[[float], None]
) -> None:
    verifier.verify(token())
    provider.keys = [public(OTHER_KEY, "r2", "RS256")]
    later(tokens.REFETCH_SECONDS + 1)
    assert verifier.verify(token(OTHER_KEY, key_id="r2"))[0].actor.name == "mika"
    assert reason(verifier, token()) == "invalid"


def test_made_up_keys_do_not_make_us_call_the_provider_each_time(
    verifier: TokenVerifier, provider: Provider
) -> None:
    for n in range(20):
        reason(verifier, token(OTHER_KEY, key_id=f"made-up-{n}"))
    assert provider.asked == 1


def test_provider_that_is_down_is_not_needed_as_long_as_keys_are_known(
    verifier: TokenVerifier, provider: Provider, later: Callable[[float], None]
) -> None:
    verifier.verify(token())
    provider.is_down = True
    later(tokens.KEY_SET_TTL_SECONDS + 1)
    assert verifier.verify(token())[0].actor.name == "mika"


def test_provider_that_was_never_there_is_said_to_be_away(provider: Provider) -> None:
    provider.is_down = True
    with pytest.raises(IdentityProviderUnavailable):
        TokenVerifier(RULES, provider).verify(token())


@pytest.mark.parametrize("until", [10**18, 10**11 * 10**6, -(10**18), 2**63, 1e300])
def test_token_whose_end_no_calendar_has_is_refused(verifier: TokenVerifier, until: float) -> None:
    assert reason(verifier, token(exp=until)) in {"invalid", "expired"}
