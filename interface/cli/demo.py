"""`stockledger demo`: a small shop, and two handhelds with an unreliable network."""

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Annotated, Final
from uuid import UUID

import httpx2
import typer
import uvicorn
from rich.table import Table
from rich.text import Text

from application.access.audit import Origin
from application.access.key_management import Grant
from application.access.roles import Role
from domain.actor import Actor
from interface import demo_shop
from interface.cli.exit_codes import ExitCode, fail
from interface.cli.terminal import console, styled
from interface.client import StockClient, SyncReport, Unreachable
from interface.client.labels import item_id
from interface.composition import compose
from interface.settings import Settings

CATALOGUE: Final = """\
sku;name;unit;safety stock;barcode
TEA-250;Green tea 250 g;box;5;4006381333931
CUP-01;Tea cup;piece;4;4006381333948
POT-07;Cast iron pot;piece;1;4006381333955
"""
"""A file as a spreadsheet saves it."""

UNKNOWN_BARCODE: Final = "4006381333962"

LOCATION: Final = "shop"

TEA, CUP, POT = (item_id(LOCATION, sku) for sku in ("TEA-250", "CUP-01", "POT-07"))


def demo(
    keep: Annotated[
        bool,
        typer.Option(
            "--keep",
            help="Fill the ledger with two months of a shop's life, and serve it with the console "
            "until Ctrl-C.",
        ),
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="The port, with --keep.")] = 8000,
) -> None:
    """Simulate a small shop with two handhelds that go offline, and a real server.

    The catalogue is imported from a spreadsheet. The handhelds use the reference client. The first
    one scans an unknown barcode and registers the item. It loses an answer, and sends its backlog
    twice. The second one sells more than the stock on hand: that sale is refused, and recorded
    after all when goods come in. Its stock-take is older than a sale of the first. All files are
    in a temporary folder, which is deleted at the end.
    """
    with tempfile.TemporaryDirectory() as folder, ExitStack() as cleanup:
        settings = Settings(
            database_url=f"sqlite:///{Path(folder) / 'demo.db'}", port=port if keep else 0
        )
        if keep:
            demo_shop.fill(settings)
        keys = _keys(settings)
        url = cleanup.enter_context(_server(settings))
        counter, *handhelds = (Handheld(name, Path(folder), url, key) for name, key in keys.items())
        for device in (counter, *handhelds):
            cleanup.callback(device.client.close)
        bearer = {"Authorization": f"Bearer {keys[counter.name]}"}
        with httpx2.Client(base_url=url, headers=bearer, timeout=30) as api:
            _import_catalogue(api)
            _play(api, counter, *handhelds)
            if keep:
                _show_console(settings, url)
                _wait_for_interrupt()
            else:
                console.print()
                command = ".venv/bin/stockledger demo --keep"
                console.print(styled("To look at a shop in the browser: [bold]{}[/]", command))


def _show_console(settings: Settings, url: str) -> None:
    """Prints the address of the console, and keys as plain text: rich would wrap them."""
    console.rule("The console")
    with compose(settings) as services:
        for name, role in {"you": Role.ADMIN, "an auditor": Role.AUDITOR}.items():
            issued = services.keys.create(Grant(name=name, role=role), Origin(Actor("demo")))
            typer.echo(f"key for {name} ({role}): {issued.secret}")
    typer.echo(f"open {url}/console/ and sign in with a key. Ctrl-C ends the demo.")


def _wait_for_interrupt() -> None:
    with suppress(KeyboardInterrupt):
        while True:
            time.sleep(1)


class Handheld(httpx2.BaseTransport):
    """A device with a simulated network, which can be off or lose one answer."""

    def __init__(self, name: str, folder: Path, url: str, key: str) -> None:
        self.name = name
        self.has_network = True
        self.loses_next_answer = False
        self._network = httpx2.HTTPTransport()
        self.client = StockClient(
            folder / f"{name}.db", url=url, key=key, transport=self, attempts=2, first_pause=0.01
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if not self.has_network:
            raise httpx2.ConnectError("no network")
        answer = self._network.handle_request(request)
        if self.loses_next_answer:
            self.loses_next_answer = False
            answer.close()
            raise httpx2.ReadError("the answer was lost")
        return answer

    def close(self) -> None:
        self._network.close()


def _play(api: httpx2.Client, counter: Handheld, first: Handheld, second: Handheld) -> None:
    _open_shop(counter, first, second)
    honey = _record_offline(first, second)
    _sync_backlogs(counter, first, second)
    _confirm(api, honey, second)
    console.rule("All devices agree, and each transaction is recorded once")
    for handheld in (first, second):
        _show_stock(handheld)
    _show_journal(api, {item.item_id: item.name for item in second.client.stock()})


def _open_shop(counter: Handheld, *handhelds: Handheld) -> None:
    console.rule("A small shop opens")
    for item, quantity in ((TEA, 24), (CUP, 10), (POT, 2)):
        counter.client.record("INBOUND", item, quantity, reference="po:1182")
    _sync("counter records a delivery", counter)
    for handheld in handhelds:
        _sync(f"{handheld.name} fetches its first copy", handheld)
        handheld.has_network = False


def _record_offline(first: Handheld, second: Handheld) -> UUID:
    """Records sales and a stock-take without a network. Returns the item of an unknown barcode."""
    console.rule("Both handhelds lose the network and keep recording")
    second.client.record("COUNT", TEA, 23)
    first.client.record("OUTBOUND", TEA, 3)
    first.client.record("OUTBOUND", POT, 2)
    first.client.record("OUTBOUND", CUP, 1, reason="broken")
    honey = _scan_unknown(first)
    second.client.record("OUTBOUND", POT, 1)
    second.client.record("OUTBOUND", CUP, 4)
    for handheld in (first, second):
        _sync(f"{handheld.name} tries to sync", handheld)
        _show_stock(handheld)
    return honey


def _sync_backlogs(counter: Handheld, first: Handheld, second: Handheld) -> None:
    console.rule("The network is back")
    for handheld in (first, second):
        handheld.has_network = True
    first.loses_next_answer = True
    _sync("handheld-1 sends its backlog, loses the answer and sends it again", first)
    _sync("handheld-2 counted the tea before the sale of handheld-1, which stays valid", second)
    _show_rejected(second)
    counter.client.record("INBOUND", POT, 1)
    _sync("counter unpacks one more pot, so the ledger judges that sale again", counter)
    for handheld in (first, second):
        _sync(f"{handheld.name} fetches the changes since then", handheld)
    _show_rejected(second)


def _keys(settings: Settings) -> dict[str, str]:
    """Creates the key of each device, and returns them by its name."""
    roles = {"counter": Role.MANAGER, "handheld-1": Role.CLERK, "handheld-2": Role.CLERK}
    with compose(settings) as services:
        return {
            name: services.keys.create(
                Grant(name=name, role=role, locations=(LOCATION,)), Origin(Actor("demo"))
            ).secret
            for name, role in roles.items()
        }


def _import_catalogue(api: httpx2.Client) -> None:
    console.rule("The catalogue comes from a spreadsheet")
    answer = api.post(
        "/items/import",
        params={"location": LOCATION},
        content=CATALOGUE.encode(),
        headers={"Content-Type": "text/csv"},
    )
    report = answer.raise_for_status().json()
    console.print(styled("[bold]catalogue.csv[/]: [green]{} items[/] registered, ",
                         report["registered"]) + f"{report['failed']} problems")  # fmt: skip


def _scan_unknown(device: Handheld) -> UUID:
    """Scans a barcode that nobody knows, and takes goods in under it. Returns the new item."""
    found = device.client.resolve(UNKNOWN_BARCODE)
    known = "unknown" if found.item is None else found.item.name
    new = device.client.register(
        LOCATION, "HONEY-1", name="Honey 500 g", codes={UNKNOWN_BARCODE: 1}
    )
    device.client.record("INBOUND", new, 6, scanned=found.raw)
    console.print(
        styled("[bold]{} scans {}[/]: [yellow]{}[/], ", device.name, UNKNOWN_BARCODE, known)
        + "so it registers Honey 500 g and takes 6 in"
    )
    return new


def _confirm(api: httpx2.Client, item: UUID, device: Handheld) -> None:
    """A manager confirms the new item, and another device scans its barcode."""
    new = api.get(f"/items/{item}").raise_for_status().json()
    api.post(f"/items/{item}/confirm", json={"unit": "jar"}).raise_for_status()
    console.print(
        styled("[bold]A manager confirms[/] {}, which handheld-1 registered", new["name"])
    )
    _sync(f"{device.name} fetches the item", device)
    found = device.client.resolve(UNKNOWN_BARCODE)
    name = "unknown" if found.item is None else found.item.name
    console.print(styled("[bold]{} scans {}[/]: {}", device.name, UNKNOWN_BARCODE, name))


def _sync(step: str, device: Handheld) -> None:
    try:
        result = _summary(device.client.sync())
    except Unreachable as error:
        result = styled("[yellow]{}[/]: {} pending", error, len(device.client.pending()))
    console.print(styled("[bold]{}[/]: ", step) + result)


def _summary(report: SyncReport) -> Text:
    rejected = styled(", [red]{} rejected[/]", report.rejected) if report.rejected else Text()
    return (
        styled("[green]{} recorded[/]", report.recorded)
        + rejected
        + f", {report.changes} changes fetched"
    )


def _show_stock(device: Handheld) -> None:
    table = Table("SKU", "name", "on hand", "available", title=f"On {device.name}", min_width=60)
    for item in device.client.stock():
        below = item.available < item.safety_stock
        available = styled("[red]{}, restock[/]" if below else "{}", item.available)
        table.add_row(item.sku, item.name, str(item.on_hand), available)
    console.print(table)


def _show_rejected(device: Handheld) -> None:
    if not device.client.rejected():
        console.print(f"Nothing is rejected on {device.name} any more: its sale is recorded")
        return
    table = Table(
        "transaction", "quantity", "reason", title=f"Rejected on {device.name}", min_width=60
    )
    for rejected in device.client.rejected():
        reason = styled("[red]{}[/]: {}", rejected.code, rejected.message)
        table.add_row(rejected.type, str(rejected.quantity), reason)
    console.print(table)


def _show_journal(api: httpx2.Client, names: dict[UUID, str]) -> None:
    table = Table("position", "item", "type", "quantity", "difference", "on hand",
                  title="The journal", min_width=72)  # fmt: skip
    for row in reversed(api.get("/movements").raise_for_status().json()["items"]):
        columns = ("type", "quantity", "delta", "onHand")
        name = names[UUID(row["itemId"])]
        table.add_row(str(row["position"]), name, *(str(row[column]) for column in columns))
    console.print(table)


@contextmanager
def _server(settings: Settings) -> Iterator[str]:
    """A server on a free port, and its URL. It stops at the end of the block."""
    settings.export()
    config = uvicorn.Config(
        "interface.api.app:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        log_level="warning",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    if not server.started:
        fail(ExitCode.USAGE, f"port {settings.port} is in use: choose another with --port")
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://{settings.host}:{port}"
    finally:
        server.should_exit = True
        thread.join()
