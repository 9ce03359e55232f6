"""Contract test: the server against its OpenAPI document, with generated requests.

The callers are a role with few permissions, and one with all.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from application.access.roles import Role
from tests.support.access import own
from tests.support.server import Server, post, running

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture
def server(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("STOCKLEDGER_RATE_LIMIT", "1000000/minute")
    monkeypatch.setenv("STOCKLEDGER_FAILED_AUTH_LIMIT", "1000000/minute")
    with running(database_url, auth=True) as server:
        yield server


def headers_for(role: Role | None, server: Server) -> dict[str, str]:
    if role is None:
        return {}
    key = {"name": f"a {role}", "role": role.value, "locations": own(role, "main")}
    made = post(f"{server.url}/keys", key, server.admin_key).raise_for_status()
    return {"Authorization": f"Bearer {made.json()['key']}"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("database_url", "role"),
    [("sqlite", None), ("sqlite", Role.DEVICE), ("sqlite", Role.MANAGER), ("postgres", Role.ADMIN)],
    indirect=["database_url"],
)
def test_every_answer_is_one_that_the_document_names(role: Role | None, server: Server) -> None:
    headers = headers_for(role, server)
    # A stream does not end.
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json").exclude(
        path="/sync/stream"
    )
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        probe(found.ok(), headers)


def probe(operation: APIOperation[Any, Any, Any, Any], headers: dict[str, str]) -> None:
    """Sends generated requests: valid ones, and invalid ones if the operation allows any."""
    good, bad = (operation.as_strategy(generation_mode=mode) for mode in GenerationMode)

    @settings(
        max_examples=10, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(case=st.one_of(good, bad))
    def send(case: schemathesis.Case[Any]) -> None:
        case.query.pop("wait", None)
        case.call_and_validate(headers=headers, checks=CHECKS)

    send()
