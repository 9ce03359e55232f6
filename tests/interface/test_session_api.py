"""Sessions of browsers: sign-in, the cookie, and what pages of other sites can do with it."""

import re
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from application.access.key_management import KeyService
from application.access.roles import Role
from application.access.sessions import RECENT
from application.tables.access import SESSIONS
from application.tables.table import Update
from interface.api.app import create_app
from interface.settings import Settings
from tests.support.access import ADMIN, new_key
from tests.support.identity_provider import IdentityProvider, identity_provider
from tests.support.routes import ITEM, KEY_ID, ROUTES, bearer, body_for

OWN = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(
        database_url=database_url, rate_limit="100000/minute", failed_auth_limit="1000/minute"
    )


@pytest.fixture
def keys(api: TestClient) -> KeyService:
    found: KeyService = api.app.state.services.keys  # type: ignore[attr-defined]
    return found


def sign_in(api: TestClient, key: str, **headers: str) -> Response:
    return api.post("/session", headers=OWN | bearer(key) | headers)


@pytest.fixture
def admin(api: TestClient, keys: KeyService) -> str:
    key = new_key(keys, Role.ADMIN)
    assert sign_in(api, key).status_code == 201
    return key


def test_cookie_stands_for_the_key(api: TestClient, keys: KeyService) -> None:
    key = new_key(keys, Role.MANAGER, "main")
    opened = sign_in(api, key)
    assert opened.headers["Set-Cookie"].endswith("Path=/; SameSite=strict")
    assert "; HttpOnly;" in opened.headers["Set-Cookie"]
    assert key not in opened.headers["Set-Cookie"]
    assert api.get("/session/methods", headers=OWN).json()["signedIn"] is True
    assert api.get("/session/methods").json()["signedIn"] is False
    described = api.get("/session", headers=OWN).json()
    assert described | {"serverTime": None} == opened.json() | {"serverTime": None}
    assert (described["role"], described["locations"]) == ("manager", ["main"])
    assert {"adjust", "manage_items"} <= {*described["permissions"]}
    by_key = api.get("/session", headers=bearer(key)).json()
    assert by_key["keyId"] == described["keyId"]
    assert (by_key["signedInAt"], by_key["expiresAt"]) == (None, None)


def test_cookie_of_https_is_for_this_host_alone(settings: Settings) -> None:
    with TestClient(create_app(settings), base_url="https://shop.example") as api:
        key = new_key(api.app.state.services.keys, Role.ADMIN)  # type: ignore[attr-defined]
        cookie = sign_in(api, key).headers["Set-Cookie"]
        assert cookie.startswith("__Host-stockledger=sls_")
        assert cookie.endswith("Path=/; SameSite=strict; Secure")
        assert api.get("/items", headers=OWN).status_code == 200


def test_plain_http_gets_no_session(settings: Settings) -> None:
    with TestClient(create_app(settings), base_url="http://shop.example") as api:
        key = new_key(api.app.state.services.keys, Role.ADMIN)  # type: ignore[attr-defined]
        answer = sign_in(api, key)
    assert (answer.status_code, answer.json()["code"]) == (403, "TLS_REQUIRED")
    assert "Set-Cookie" not in answer.headers


ELSEWHERE: list[dict[str, str]] = [
    {},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver"},
    {"Origin": "null"},
    {"Origin": "https://evil.example"},
    {"Origin": "https://testserver"},
    {"Origin": "http://testserver:81"},
]


@pytest.mark.parametrize("headers", ELSEWHERE, ids=str)
def test_other_sites_can_do_nothing_with_the_cookie(
    api: TestClient, admin: str, headers: dict[str, str]
) -> None:
    item = api.post("/items", json=ITEM, headers=bearer(admin)).json()["itemId"]
    for method, path in ROUTES:
        url = path.format(item_id=item, key_id=KEY_ID, local_id=uuid4())
        answer = api.request(method, url, json=body_for(method, path, UUID(item)), headers=headers)
        assert (path, answer.status_code) == (path, 401)


def test_older_browser_names_its_origin(api: TestClient, admin: str) -> None:
    own = {"Origin": "http://testserver"}
    assert api.post("/items", json=ITEM, headers=own).status_code == 201
    assert api.get("/items", headers=own).status_code == 401


@pytest.mark.parametrize("headers", ELSEWHERE, ids=str)
def test_other_sites_sign_nobody_in(
    api: TestClient, keys: KeyService, headers: dict[str, str]
) -> None:
    answer = api.post("/session", headers=bearer(new_key(keys, Role.ADMIN)) | headers)
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


def test_key_in_the_header_comes_before_the_cookie(
    api: TestClient, admin: str, keys: KeyService
) -> None:
    clerk = new_key(keys, Role.CLERK, "main")
    assert api.get("/session", headers=OWN | bearer(clerk)).json()["role"] == "clerk"
    assert api.get("/keys", headers=OWN | bearer("slk_wrong")).status_code == 401


def test_session_is_no_bearer_token(api: TestClient, admin: str) -> None:
    secret = api.cookies["stockledger"]
    assert api.get("/items", headers=bearer(secret)).json()["details"]["reason"] == "malformed"
    assert api.get("/items", headers=bearer(f" {secret}")).status_code == 401


def test_session_opens_no_other(api: TestClient, admin: str) -> None:
    assert api.post("/session", headers=OWN).status_code == 403


def test_sign_out(api: TestClient, admin: str) -> None:
    secret = api.cookies["stockledger"]
    answer = api.delete("/session", headers=OWN)
    assert answer.status_code == 204
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    assert "Clear-Site-Data" not in answer.headers
    api.cookies.set("stockledger", secret)
    refused = api.get("/items", headers=OWN).json()
    assert refused["details"] == {"reason": "signed_out"}


def test_sign_out_everywhere(api: TestClient, settings: Settings, admin: str) -> None:
    settings = settings.model_copy(update={"key_cache": 1})
    with TestClient(create_app(settings)) as other:
        sign_in(other, admin)
        api.delete("/session?everywhere=true", headers=OWN)
        with TestClient(create_app(settings), cookies=other.cookies) as third:
            assert third.get("/items", headers=OWN).json()["details"] == {"reason": "signed_out"}


def test_revoked_key_ends_its_sessions(api: TestClient, keys: KeyService) -> None:
    key = new_key(keys, Role.MANAGER, "main")
    key_id = sign_in(api, key).json()["keyId"]
    keys.revoke(key_id, ADMIN)
    api.app.state.services.authenticator._known.clear()  # type: ignore[attr-defined]
    assert api.get("/items", headers=OWN).json()["details"] == {"reason": "revoked"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/keys", {"name": "k", "role": "admin"}),
        (f"/keys/{KEY_ID}/rotate", {}),
        (f"/keys/{KEY_ID}/revoke", None),
    ],
)
def test_old_sign_in_manages_no_keys(
    api: TestClient, admin: str, path: str, body: dict[str, Any] | None
) -> None:
    services: Any = api.app.state.services  # type: ignore[attr-defined]
    (secret,) = api.cookies.values()
    with services.ledger.recorder.unit_of_work() as unit_of_work:
        (session,) = unit_of_work.rows(SESSIONS)
        earlier = session.created_at - RECENT - timedelta(seconds=1)
        unit_of_work.write(SESSIONS, [Update(("created_at",), [(earlier, session.digest)])])
    services.authenticator.forget(secret)
    answer = api.post(path, json=body, headers=OWN)
    assert (answer.status_code, answer.json()["code"]) == (403, "SIGN_IN_TOO_OLD")
    assert api.get("/keys", headers=OWN).status_code == 200
    assert api.post(path, json=body, headers=bearer(admin)).status_code in {201, 404}


def test_server_without_authentication_has_no_sessions(database_url: str) -> None:
    with TestClient(create_app(Settings(database_url=database_url, auth=False))) as api:
        assert api.post("/session", headers=OWN).status_code == 403
        assert api.get("/session").json()["actor"] == "anonymous"
        methods = api.get("/session/methods").json()
        assert methods == {"apiKey": False, "identityProvider": False, "signedIn": False}


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with identity_provider() as found:
        yield found


@pytest.fixture
def with_provider(provider: IdentityProvider, database_url: str) -> Iterator[TestClient]:
    app = create_app(provider.settings(database_url=database_url))
    with TestClient(app, follow_redirects=False) as api:
        yield api


def at_the_provider(
    api: TestClient, provider: IdentityProvider, start: str = "/session/oidc/start"
) -> str:
    """Begins a sign-in. Returns the address with which the provider answers."""
    begun = api.get(start)
    assert begun.status_code == 302
    assert begun.headers["Location"].startswith(f"{provider.url}/authorize?")
    query = parse_qs(urlsplit(begun.headers["Location"]).query)
    return provider.authorize({name: values[0] for name, values in query.items()})


def test_person_signs_in_with_an_account(
    with_provider: TestClient, provider: IdentityProvider
) -> None:
    api = with_provider
    assert api.get("/session/methods").json()["identityProvider"] is True
    back = at_the_provider(api, provider, "/session/oidc/start?next=/console/journal?type=COUNT")
    answer = api.get(back, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200  # A strict cookie is not sent in a redirect from elsewhere.
    assert 'content="0; url=/console/journal?type=COUNT"' in answer.text
    described = api.get("/session", headers=OWN).json()
    assert (described["actor"], described["role"]) == ("kim", "auditor")
    assert described["expiresAt"] is not None
    assert api.get("/audit", headers=OWN).status_code == 200


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "/console/\\evil", "/items", ""]
)
def test_sign_in_leads_to_the_console_alone(
    with_provider: TestClient, provider: IdentityProvider, elsewhere: str
) -> None:
    back = at_the_provider(with_provider, provider, f"/session/oidc/start?next={elsewhere}")
    assert 'content="0; url=/console/"' in with_provider.get(back).text


def test_answer_of_another_sign_in_is_refused(
    with_provider: TestClient, provider: IdentityProvider
) -> None:
    """An attacker could sign a victim in under the attacker's name."""
    back = at_the_provider(with_provider, provider)
    at_the_provider(with_provider, provider)
    answer = with_provider.get(back)
    assert "/console/?signIn=failed" in answer.text
    with_provider.cookies.clear()
    assert "signIn=failed" in with_provider.get(back).text
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"nonce": "another"}, "failed"),
        ({"aud": "another client"}, "failed"),
        ({"exp": 1}, "failed"),
        ({"auth_time": 1}, "failed"),
        ({"roles": ["visitor"]}, "forbidden"),
    ],
)
def test_token_that_is_not_good_signs_nobody_in(
    with_provider: TestClient, provider: IdentityProvider, claims: dict[str, Any], reason: str
) -> None:
    provider.claims |= claims
    answer = with_provider.get(at_the_provider(with_provider, provider))
    assert f"signIn={reason}" in answer.text
    assert "stockledger=sls" not in answer.headers.get("Set-Cookie", "")


def test_session_outlives_the_short_token_of_its_sign_in(
    with_provider: TestClient, provider: IdentityProvider
) -> None:
    provider.claims |= {"exp": int(time.time()) + 5}
    answer = with_provider.get(at_the_provider(with_provider, provider))
    (age,) = re.findall(r"stockledger=sls_[^;]*; HttpOnly; Max-Age=(\d+)", str(answer.headers))
    assert int(age) > 7 * 3_600


def test_sign_in_at_the_provider_must_be_recent(
    with_provider: TestClient, provider: IdentityProvider
) -> None:
    at_the_provider(with_provider, provider)
    (begun,) = provider.begun.values()
    assert begun["max_age"] == "900"


def test_client_proves_itself_as_the_provider_wants(
    with_provider: TestClient, provider: IdentityProvider
) -> None:
    provider.takes = ["client_secret_basic"]
    with_provider.get(at_the_provider(with_provider, provider))
    assert with_provider.get("/session", headers=OWN).json()["actor"] == "kim"


def test_provider_that_is_down_is_asked_once_in_a_while(database_url: str) -> None:
    with identity_provider() as provider:
        provider.is_down = True
        settings = provider.settings(database_url=database_url)
        with TestClient(create_app(settings), follow_redirects=False) as api:
            for _ in range(5):
                assert api.get("/session/oidc/start").status_code == 503
    assert provider.asked == 1


def test_key_is_no_session(api: TestClient, keys: KeyService) -> None:
    api.cookies.set("stockledger", new_key(keys, Role.ADMIN))
    assert api.get("/items", headers=OWN).status_code == 401


def test_code_counts_once(with_provider: TestClient, provider: IdentityProvider) -> None:
    back = at_the_provider(with_provider, provider)
    provider.begun.clear()
    assert "signIn=failed" in with_provider.get(back).text


def test_provider_that_is_down_is_told(database_url: str) -> None:
    settings = IdentityProvider("http://127.0.0.1:9").settings(database_url=database_url)
    with TestClient(create_app(settings), follow_redirects=False) as api:
        answer = api.get("/session/oidc/start")
    assert answer.json()["code"] == "IDENTITY_PROVIDER_UNAVAILABLE"
