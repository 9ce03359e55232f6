"""Completeness: a test fails if one of the places listed in CONTRIBUTING.md is forgotten."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, get_args
from uuid import uuid4

import pytest
from eventsourcing.utils import get_topic
from fastapi import APIRouter
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

import application.projections
import interface.api.routes
import interface.cli
from application.access.roles import NEEDED_PERMISSION
from application.projections import PROJECTIONS
from domain.events import MOVEMENT_TOPICS, MovementRecorded, StockItemEvent
from domain.stock_item import StockItem
from domain.transaction import LEAST_QUANTITY, TransactionType
from interface.api.app import create_app
from interface.api.schemas.changes import EVENT_OF_TYPE
from interface.cli.main import app as command_line
from interface.client import input_checks
from interface.client.records import PendingTransaction, Quantity, available_after
from interface.client.records import TransactionType as ClientType
from interface.settings import Settings
from tests.support.api import register, sync
from tests.support.builders import element, void_of
from tests.support.scenario import NOON, Step, adjust, count, given, inbound, outbound, void

ROOT = Path(__file__).parent.parent
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
API = (ROOT / "docs" / "api.md").read_text()
CONTRACT = json.loads((ROOT / "openapi.json").read_text())


CLI_HELPERS = {"main", "exit_codes", "options", "terminal", "progress"}

STEPS: dict[str, Callable[[int], Step]] = {
    "INBOUND": inbound,
    "OUTBOUND": outbound,
    "ADJUST": adjust,
    "COUNT": count,
    "VOID": lambda _: void(),
}


def table_rows(page: str) -> Iterator[list[str]]:
    for line in page.splitlines():
        if line.startswith("| "):
            yield [cell.strip().replace("\\|", "|") for cell in line.strip("| ").split(" | ")]


def modules_of(package: Any) -> list[Any]:
    return [
        import_module(f"{package.__name__}.{one.name}") for one in iter_modules(package.__path__)
    ]


def events(root: type[StockItemEvent] = StockItemEvent) -> Iterator[type[StockItemEvent]]:
    """All stored event classes."""
    for event in root.__subclasses__():
        if "TOPIC" in vars(event) and event.__module__ == root.__module__:
            yield event
        yield from events(event)


def available_on_a_device(type: TransactionType, *, on_hand: int, quantity: int) -> Quantity:
    """The quantity that the reference client shows before its sync."""
    pending = PendingTransaction(
        local_id=uuid4(), type=type.value, item_id=uuid4(), quantity=quantity, occurred_at=NOON
    )
    delivery = replace(pending, type="INBOUND")
    return available_after(pending, on_hand, delivery)


class TestTransactionType:
    @pytest.fixture(params=TransactionType)
    def type(self, request: pytest.FixtureRequest) -> TransactionType:
        found: TransactionType = request.param
        return found

    def test_domain_records_it_as_an_event_of_its_own_type(self, type: TransactionType) -> None:
        event = given(inbound(9)).when(STEPS[type](max(1, LEAST_QUANTITY[type]))).events[-1]
        assert isinstance(event, MovementRecorded)
        assert event.type is type
        assert get_topic(event.__class__) in MOVEMENT_TOPICS

    def test_it_needs_a_permission_or_none(self, type: TransactionType) -> None:
        assert type in NEEDED_PERMISSION

    def test_followers_and_the_client_know_it(self, type: TransactionType) -> None:
        assert EVENT_OF_TYPE[type] in {event.__name__ for event in events(MovementRecorded)}
        assert input_checks.LEAST_QUANTITY[type] == LEAST_QUANTITY[type]
        assert type in get_args(ClientType)

    def test_contract_and_reference_tell_of_it(self, type: TransactionType) -> None:
        assert type in CONTRACT["components"]["schemas"]["TransactionType"]["enum"]
        assert [f"`{type}`"] in [row[:1] for row in table_rows(API)]

    def test_api_records_it(self, api: TestClient, type: TransactionType) -> None:
        tea = register(api)
        sync(api, element("INBOUND", tea, 9))
        delivery = element("INBOUND", tea, 2)
        sync(api, delivery)
        sent = void_of(delivery) if type is TransactionType.VOID else element(type, tea, 2)
        (synced,) = sync(api, sent)["synced"]
        assert synced["onHand"] == available_on_a_device(type, on_hand=11, quantity=2)

    def test_the_reference_model_decides_on_it(self, type: TransactionType) -> None:
        model = (ROOT / "tests" / "application" / "test_sync_model.py").read_text()
        assert f'"{type}"' in model


@pytest.mark.parametrize("event", [*events()], ids=lambda event: str(event.__name__))
def test_event_belongs_to_the_item_and_can_be_read_for_ever(event: Any) -> None:
    samples = json.loads((ROOT / "tests" / "application" / "stored_events.json").read_text())
    assert getattr(StockItem, event.__name__) is event
    assert event.TOPIC in {sample["topic"] for sample in samples}


class TestProjection:
    def test_every_file_is_listed(self) -> None:
        found = {
            one
            for module in modules_of(application.projections)
            for one in vars(module).values()
            if isinstance(one, type) and hasattr(one, "table") and hasattr(one, "topics")
            if one.__module__ == module.__name__ and one.__name__ != "Projection"
        }
        assert found == {type(projection) for projection in PROJECTIONS}

    def test_architecture_tells_of_each(self) -> None:
        page = (ROOT / "ARCHITECTURE.md").read_text()
        assert [one.table.name for one in PROJECTIONS if f"`{one.table.name}`" not in page] == []


class TestEndpoint:
    def test_every_file_is_part_of_the_api(self) -> None:
        declared = {
            getattr(route, "path", "")
            for module in modules_of(interface.api.routes)
            for router in vars(module).values()
            if isinstance(router, APIRouter)
            for route in router.routes
        }
        served = {context.path for context in iter_route_contexts(create_app(Settings()).routes)}
        assert len(declared) > len(modules_of(interface.api.routes))
        assert declared <= served

    def test_reference_tells_of_each(self) -> None:
        documented = {cell.strip("`") for row in table_rows(API) for cell in row[:1]}
        contract = {
            f"{method.upper()} {path}"
            for path, methods in CONTRACT["paths"].items()
            for method in methods
        }
        assert contract - documented == set()
        assert {one for one in documented if " /" in one} - contract == set()


class TestSetting:
    def test_page_tells_name_and_default_of_each(self) -> None:
        pages = [ROOT / "docs" / name for name in ("settings.md", "security.md")]
        rows = [row for page in pages for row in table_rows(page.read_text())]
        told = {row[0].strip("`"): row[1] for row in rows if row[0].startswith("`STOCKLEDGER_")}
        for name, field in Settings.model_fields.items():
            shown = told[f"STOCKLEDGER_{name.upper()}"]
            if not name.startswith("oidc_"):
                default = json.dumps(field.default).strip('"')
                assert shown == ("none" if field.default is None else f"`{default}`"), name

    def test_every_setting_is_used(self) -> None:
        files = [path for path in (ROOT / "interface").rglob("*.py") if path.name != "settings.py"]
        code = "\n".join(path.read_text() for path in files)
        fields = Settings.model_fields
        assert [name for name in fields if not re.search(rf"\b\w+\.{name}\b", code)] == []


class TestCommand:
    def test_every_file_is_a_command(self) -> None:
        names = {
            command.callback.__name__
            for command in command_line.registered_commands
            if command.callback
        }
        names |= {str(group.name) for group in command_line.registered_groups}
        helpers = {"main", "exit_codes", "options", "terminal", "progress"}
        files = {one.name for one in iter_modules(interface.cli.__path__)}
        assert files - helpers == names

    def test_readme_tells_of_each(self) -> None:
        readme = (ROOT / "README.md").read_text()
        assert [name for name in self.files() if f"| `stockledger {name}" not in readme] == []

    def test_a_test_runs_each(self) -> None:
        tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
        assert [name for name in self.files() if f'("{name}"' not in tests] == []

    def files(self) -> list[str]:
        names = [one.name for one in iter_modules(interface.cli.__path__)]
        return [
            name
            for name in names
            if name not in {"main", "exit_codes", "options", "terminal", "progress"}
        ]


def test_test_modules_share_helpers_by_way_of_support() -> None:
    shared = re.compile(r"^from tests\.(?!support|conftest)", re.MULTILINE)
    files = [path for path in (ROOT / "tests").rglob("*.py") if shared.search(path.read_text())]
    assert files == []


def test_benchmarks_need_no_tests() -> None:
    files = [path for path in (ROOT / "benchmarks").glob("*.py") if "tests." in path.read_text()]
    assert files == []


def test_guide_names_what_holds_each_place() -> None:
    named = set(re.findall(r"`tests/[\w/]+\.py::[\w:]+`", CONTRIBUTING))
    assert len(named) > 10
