"""Model-based test: devices register items and codes in any order, and meet in one of each."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from application.access.roles import Role
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.parsing.batch import parse_batch
from application.persistence import environment
from application.recording.sync import SyncService
from domain.barcode import compared_form
from domain.errors import Rejection
from domain.stock_item import item_id
from tests.support.access import caller
from tests.support.ledger_checks import assert_read_models_equal_replay

SKUS = ["TEA", "CUP", "POT"]
CODES = ["4006381333931", "04006381333931", "96385074", "SHELF-1", "shelf-1"]
DEVICES = [caller(Role.DEVICE, "main", key_id=key) for key in ("k1", "k2")]
MANAGER = caller(Role.MANAGER, "main", key_id="k3")

elements = st.fixed_dictionaries(
    {"location": st.just("main"), "sku": st.sampled_from(SKUS)},
    optional={
        "name": st.sampled_from(["Tea", "Thee"]),
        "unit": st.sampled_from(["pc", "box"]),
        "codes": st.lists(
            st.fixed_dictionaries(
                {"code": st.sampled_from(CODES), "per": st.sampled_from([1, 12])}
            ),
            max_size=3,
        ),
    },
)
batches = st.tuples(
    st.just("batch"), st.sampled_from([*DEVICES, MANAGER]), st.lists(elements, max_size=3)
)
confirmations = st.tuples(st.just("confirm"), st.sampled_from(SKUS))
retirements = st.tuples(st.just("retire"), st.sampled_from(SKUS), st.sampled_from(CODES))


class Model:
    """The items and codes as they must be."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.codes: dict[str, tuple[str, int]] = {}
        """SKU and base units, by the code as it is compared."""
        self.retired: dict[str, set[str]] = defaultdict(set)
        """The SKUs that each code was taken from."""

    def register(self, element: dict[str, Any], *, by_manager: bool) -> str:
        """Registers an item; returns the status of the answer."""
        sku = element["sku"]
        given = {name: element[name] for name in ("name", "unit") if name in element}
        item = self.items.get(sku)
        status = "known"
        if item is None:
            details = {"name": sku, "unit": "pc"} | given
            item = self.items[sku] = {"provisional": not by_manager, **details}
            status = "registered"
        elif by_manager and item["provisional"]:
            item |= given | {"provisional": False}
        elif any(item[name] != value for name, value in given.items()):
            status = "differs"
        for code in element.get("codes", ()):
            if not self._assign(sku, code, by_manager=by_manager):
                status = "differs"
        return status

    def _assign(self, sku: str, code: dict[str, Any], *, by_manager: bool) -> bool:
        key, wanted = compared_form(code["code"]), (sku, code["per"])
        if key not in self.codes and sku in self.retired[key] and not by_manager:
            return False
        taken = self.codes.setdefault(key, wanted)
        if taken[0] == sku and by_manager:
            taken = self.codes[key] = wanted
            self.retired[key].discard(sku)
        return taken == wanted

    def retire(self, sku: str, code: str) -> None:
        if self.codes.get(compared_form(code), ("", 0))[0] == sku:
            del self.codes[compared_form(code)]
            self.retired[compared_form(code)].add(sku)


@contextmanager
def new_ledger(folder: Path) -> Iterator[Ledger]:
    with Ledger(environment(f"sqlite:///{folder / 'ledger.db'}", lock_timeout=30)) as ledger:
        yield ledger


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(batches | confirmations | retirements, max_size=12))
def test_devices_meet_in_one_item_and_one_code(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[Any, ...]]
) -> None:
    model = Model()
    with new_ledger(tmp_path_factory.mktemp("ledger")) as ledger:
        sync, items = SyncService(ledger), ItemService(ledger)
        for kind, *arguments in steps:
            match kind, arguments:
                case "batch", [sender, sent]:
                    result = sync.submit(parse_batch([], items=sent), sender).result()
                    by_manager = sender is MANAGER
                    assert [one.status for one in result.items] == [
                        model.register(one, by_manager=by_manager) for one in sent
                    ]
                case "confirm", [sku] if sku in model.items:
                    items.confirm(item_id("main", sku), MANAGER)
                    model.items[sku]["provisional"] = False
                case "retire", [sku, code]:
                    try:
                        items.retire_code(item_id("main", sku), code, MANAGER)
                    except Rejection:
                        assert model.codes.get(compared_form(code), ("", 0))[0] != sku
                    model.retire(sku, code)
        assert state_of(ledger) == (model.items, model.codes)
        assert_read_models_equal_replay(ledger)


def state_of(ledger: Ledger) -> tuple[dict[str, Any], dict[str, Any]]:
    found = {sku: ledger.recorder.select_item(item_id("main", sku)) for sku in SKUS}
    items = {
        sku: {"provisional": one.provisional, "name": one.name, "unit": one.unit}
        for sku, one in found.items()
        if one is not None
    }
    codes = {
        code.compared: (sku, int(code.per))
        for sku in SKUS
        for code in ledger.recorder.select_codes([item_id("main", sku)])
    }
    return items, codes
