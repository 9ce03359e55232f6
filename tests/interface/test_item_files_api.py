"""Codes, imports and exports over the API."""

import csv
import json
import logging
import socket
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient

from application.files import exports
from application.parsing.batch import parse_batch
from application.persistence.errors import ReadCancelled
from application.reads import ReadService as Reader
from interface.api.exporting import accepted_format
from tests.support.access import DEVICE
from tests.support.api import register, sync
from tests.support.builders import element
from tests.support.server import post_batch, running
from tests.support.server import register as server_register

EAN = "4006381333931"
CSV = {"Content-Type": "text/csv"}


@pytest.fixture
def tea(api: TestClient) -> UUID:
    return register(api)


def send_file(api: TestClient, text: str | bytes, **query: Any) -> dict[str, Any]:
    data = text.encode() if isinstance(text, str) else text
    answer = api.post("/items/import", params=query, content=data, headers=CSV)
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


def problem(answer: Any, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    code: str = answer.json()["code"]
    return code


class TestCodes:
    def test_assigned_found_retired_and_reassigned(self, api: TestClient, tea: UUID) -> None:
        cup = register(api, sku="CUP")
        carton = {"code": EAN, "per": 12}
        made = api.post(f"/items/{tea}/codes", json=carton)
        assert (made.status_code, made.json()) == (201, carton | {"version": 1})
        again = api.post(f"/items/{tea}/codes", json=carton)
        assert (again.status_code, again.json()) == (200, made.json())
        found = api.get("/items", params={"code": f"0{EAN}", "location": "main"}).json()["items"]
        assert [one["itemId"] for one in found] == [str(tea)]
        assert found[0]["codes"] == [made.json()]
        taken = api.post(f"/items/{cup}/codes", json=carton)
        assert problem(taken, 409) == "CODE_TAKEN"
        assert taken.json()["details"] == {"code": EAN, "itemId": str(tea), "sku": "TEA-250"}
        assert problem(api.post(f"/items/{cup}/codes/retire", json={"code": EAN}), 404) == (
            "UNKNOWN_CODE"
        )
        freed = api.post(f"/items/{tea}/codes/retire", json={"code": EAN})
        assert freed.json() == {"code": EAN, "version": 2}
        assert api.get("/items", params={"code": EAN}).json()["items"] == []
        assert api.post(f"/items/{cup}/codes", json={"code": EAN}).json()["version"] == 3
        kinds = [one["kind"] for one in api.get("/sync/changes").json()["codes"]]
        assert kinds == ["CodeAssigned", "CodeRetired", "CodeAssigned"]

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"code": ""},
            {"code": "a\u001db"},
            {"code": "x" * 201},
            {"code": "A", "per": 0},
            {"code": "A", "per": 0.5},
            {"code": "A", "per": 10_000_000},
            {"code": "A", "colour": "red"},
        ],
    )
    def test_bad_code_is_refused(self, api: TestClient, tea: UUID, body: Any) -> None:
        assert problem(api.post(f"/items/{tea}/codes", json=body), 422) == "INVALID"

    def test_code_with_every_character_of_a_url_works(self, api: TestClient, tea: UUID) -> None:
        code = "https://shop.example/1?a=b&c=/é#x %2F"
        api.post(f"/items/{tea}/codes", json={"code": code}).raise_for_status()
        found = api.get("/items", params={"code": code}).json()["items"]
        assert [one["codes"][0]["code"] for one in found] == [code]
        api.post(f"/items/{tea}/codes/retire", json={"code": code}).raise_for_status()

    def test_batch_registers_with_codes_and_its_movements_find_it(self, api: TestClient) -> None:
        new = {"location": "main", "sku": "NEW", "codes": [EAN, {"code": "BOX", "per": 6}]}
        first = api.post("/sync/transactions", json={"items": [new]}).json()["items"][0]
        assert (first["status"], first["sku"]) == ("registered", "NEW")
        move = element("INBOUND", UUID(first["itemId"]), 1)
        answer = api.post("/sync/transactions", json={"items": [new], "transactions": [move]})
        assert [one["status"] for one in answer.json()["items"]] == ["known"]
        assert [one["status"] for one in answer.json()["synced"]] == ["recorded"]
        shown = api.get(f"/items/{first['itemId']}").json()
        assert [(one["code"], one["per"]) for one in shown["codes"]] == [(EAN, 1), ("BOX", 6)]

    def test_differing_item_is_a_row_for_a_manager(self, api: TestClient, tea: UUID) -> None:
        other = {"location": "main", "sku": "TEA-250", "name": "Thee", "floor": None}
        (row,) = api.post("/sync/transactions", json={"items": [other]}).json()["items"]
        assert (row["status"], row["code"], row["retryable"]) == ("differs", "ITEM_DIFFERS", False)
        (kept,) = api.get("/sync/rejections", params={"code": "ITEM_DIFFERS"}).json()["items"]
        assert (kept["item"], kept["transaction"], kept["localId"]) == (other, None, None)
        retried = api.post(f"/sync/rejections/{kept['rejectionId']}/retry", json={}).json()
        assert [one["status"] for one in retried["items"]] == ["known"]
        shown = api.get(f"/items/{tea}").json()
        assert (shown["name"], shown["floor"]) == ("Thee", None)
        (kept,) = api.get("/sync/rejections").json()["items"]
        assert kept["status"] == "resolved"

    def test_confirm_describes_too(self, api: TestClient, tea: UUID) -> None:
        confirmed = api.post(f"/items/{tea}/confirm", json={"name": "Green tea"}).json()
        assert (confirmed["name"], confirmed["provisional"]) == ("Green tea", False)
        assert api.post(f"/items/{tea}/confirm").json()["version"] == confirmed["version"]
        assert problem(api.post(f"/items/{UUID(int=7)}/confirm"), 404) == "UNKNOWN_ITEM"


class TestImport:
    def test_file_is_read_as_it_shows_itself(self, api: TestClient) -> None:
        text = "SKU;Name;Stock;Decimals;Colour\nTEA;Grüner Tee;24;;red\nRICE;Rice;1,25;3;\n"
        tried = send_file(api, text, dryRun=True, location="main")
        assert api.get("/items").json()["items"] == []
        done = send_file(api, text, location="main")
        assert done | {"dryRun": True} == tried
        counted = [done[name] for name in ("rows", "registered", "known", "opened", "failed")]
        assert counted == [2, 2, 0, 2, 0]
        assert (done["encoding"], done["delimiter"], done["decimal"]) == ("utf-8", ";", ",")
        assert done["columns"]["onHand"] == "Stock"
        assert done["ignoredColumns"] == [{"header": "Colour", "didYouMean": None}]
        assert [one["onHand"] for one in api.get("/items").json()["items"]] == [1.25, 24]
        assert send_file(api, text, location="main")["known"] == 2

    def test_problems_have_lines(self, api: TestClient) -> None:
        done = send_file(api, "sku,location,stock\nA,main,1\nB,main,x\nC,,1\n")
        found = [(one["line"], one["code"], one["details"]["field"]) for one in done["problems"]]
        assert found == [(3, "INVALID", "onHand"), (4, "INVALID", "location")]
        assert done["failed"] == 2

    def test_what_it_does_not_show_is_named(self, api: TestClient) -> None:
        text = "Artikel\tTitel\tBestand\nTEE\tGr\u00fcn\t1,250\n".encode("utf-16")
        columns = json.dumps({"sku": "Artikel", "name": "Titel", "onHand": "Bestand"})
        answer = api.post(
            "/items/import",
            params={"location": "main", "columns": columns},
            content=text,
            headers=CSV,
        )
        assert problem(answer, 422) == "UNREADABLE_FILE"
        done = send_file(api, text, location="main", columns=columns, decimal=".", delimiter="tab")
        assert (done["registered"], done["failed"]) == (1, 0)
        assert api.get("/items").json()["items"][0]["onHand"] == 1250

    def test_charset_of_the_body_is_its_encoding(self, api: TestClient) -> None:
        def sent(charset: str, **query: str) -> Any:
            return api.post(
                "/items/import",
                params={"location": "main", "dryRun": "true"} | query,
                content="sku;name\nTEE;Gr\u00fcn\n".encode("windows-1252"),
                headers={"Content-Type": f"text/csv; charset={charset}"},
            )

        assert sent("Windows-1252").json()["encoding"] == "windows-1252"
        assert sent('"windows-1252"; header=present').json()["registered"] == 1
        assert sent("utf-8", encoding="windows-1252").json()["encoding"] == "windows-1252"
        assert problem(sent("utf-8"), 422) == problem(sent("klingon"), 422) == "UNREADABLE_FILE"
        marked = api.post(
            "/items/import",
            params={"location": "main"},
            content="sku\nTEE\n".encode("utf-16"),
            headers={"Content-Type": "text/csv; charset=UTF-8"},
        )
        assert marked.json()["encoding"] == "utf-16"

    @pytest.mark.parametrize(
        "query",
        [
            {"decimal": ";"},
            {"delimiter": "xx"},
            {"encoding": "klingon"},
            {"columns": "sku=a"},
            {"columns": '{"sku": 1}'},
            {"columns": '{"sqk": "x"}'},
            {"countedAt": "yesterday"},
            {"dryRun": "perhaps"},
            {"dryRunn": "true"},
        ],
    )
    def test_bad_option_is_refused(self, api: TestClient, query: dict[str, str]) -> None:
        answer = api.post(
            "/items/import",
            params={"location": "main"} | query,
            content=b"sku\nTEA\n",
            headers=CSV,
        )
        assert problem(answer, 422) in {"INVALID", "UNREADABLE_FILE"}
        assert api.get("/items").json()["items"] == []

    def test_body_must_be_a_file(self, api: TestClient) -> None:
        for media_type in ("application/json", "text/plain", "multipart/form-data"):
            answer = api.post(
                "/items/import", content=b"sku\n", headers={"Content-Type": media_type}
            )
            assert problem(answer, 415) == "UNSUPPORTED_MEDIA_TYPE"
        assert problem(api.post("/items/import"), 422) == "UNREADABLE_FILE"
        wrong = api.post("/sync/transactions", content=b"sku\n", headers=CSV)
        assert problem(wrong, 415) == "UNSUPPORTED_MEDIA_TYPE"


class TestExport:
    @pytest.fixture(autouse=True)
    def small_pages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(exports, "ROWS_PER_PAGE", 4)

    PATHS = ("/items", "/movements", "/sync/rejections", "/audit")

    @pytest.mark.parametrize("path", PATHS)
    def test_list_comes_whole(self, api: TestClient, path: str) -> None:
        items = [register(api, sku=f"SKU-{n}") for n in range(10)]
        sync(api, *(element("INBOUND", one, 1) for one in items))
        sync(api, *(element("OUTBOUND", one, 9) for one in items))
        for n in range(10):  # The audit trail tells of keys.
            api.post("/keys", json={"name": f"key {n}", "role": "auditor"}).raise_for_status()
        as_csv = api.get(path, params={"limit": 2}, headers={"Accept": "text/csv"})
        assert as_csv.headers["Content-Type"].startswith("text/csv")
        assert "attachment" in as_csv.headers["Content-Disposition"]
        assert len(as_csv.content.decode("utf-8-sig").splitlines()) == 10 + 1
        ndjson = api.get(path, headers={"Accept": "application/x-ndjson"})
        lines = [json.loads(line) for line in ndjson.text.splitlines()]
        assert len(lines) == 10
        assert len({json.dumps(line) for line in lines}) == 10
        page = api.get(path, params={"limit": 2})
        assert page.headers["Content-Type"] == "application/json"

    def test_filters_hold_and_pages_do_not(self, api: TestClient, tea: UUID) -> None:
        cup = register(api, sku="CUP")
        sync(api, *(element("INBOUND", one, 5) for one in (tea, cup)))
        accept = {"Accept": "application/x-ndjson"}
        found = api.get("/items", params={"sku": "CUP"}, headers=accept).text.splitlines()
        assert [json.loads(line)["sku"] for line in found] == ["CUP"]
        journal = api.get(f"/items/{tea}/movements", headers=accept).text.splitlines()
        assert [json.loads(line)["itemId"] for line in journal] == [str(tea)]
        missing = api.get(f"/items/{UUID(int=7)}/movements", headers=accept)
        assert problem(missing, 404) == "UNKNOWN_ITEM"
        cursor = api.get("/items", params={"limit": 1}).json()["nextCursor"]
        refused = api.get("/items", params={"cursor": cursor}, headers=accept)
        assert problem(refused, 422) == "INVALID"

    @pytest.mark.parametrize(
        ("query", "skus"),
        [
            ({"negative": "true"}, ["NEGATIVE"]),
            ({"provisional": "true"}, ["PROVISIONAL"]),
            ({"active": "false"}, ["OVER"]),
            ({"belowSafetyStock": "true"}, ["NEGATIVE", "SCARCE"]),
            ({"code": EAN}, ["CODED"]),
            ({"q": "rare"}, ["NAMED"]),
        ],
    )
    def test_filter_of_the_stock_holds_in_every_format(
        self, api: TestClient, query: dict[str, str], skus: list[str]
    ) -> None:
        below = element("ADJUST", register(api, sku="NEGATIVE"), -1, override=True, reason="x")
        assert sync(api, below)["failed"] == []
        api.post(f"/items/{register(api, sku='OVER')}/discontinue").raise_for_status()
        more: list[dict[str, Any]] = [
            {"location": "main", "sku": "SCARCE", "safetyStock": 1},
            {"location": "main", "sku": "NAMED", "name": "Rare tea"},
            {"location": "main", "sku": "CODED", "codes": [EAN]},
        ]
        api.post("/sync/transactions", json={"items": more}).raise_for_status()
        new = parse_batch([], items=[{"location": "main", "sku": "PROVISIONAL"}])
        services = api.app.state.services  # type: ignore[attr-defined]
        services.sync.submit(new, DEVICE).result()
        listed = api.get("/items", params=query).json()["items"]
        lines = api.get("/items", params=query, headers={"Accept": "application/x-ndjson"})
        table = api.get("/items", params=query, headers={"Accept": "text/csv"})
        found = [
            listed,
            [json.loads(line) for line in lines.text.splitlines()],
            [*csv.DictReader(StringIO(table.content.decode("utf-8-sig")))],
        ]
        assert [[one["sku"] for one in rows] for rows in found] == [skus] * 3

    @pytest.mark.parametrize("path", PATHS)
    def test_caches_keep_the_formats_apart(self, api: TestClient, path: str) -> None:
        for accept in ("application/json", "text/csv"):
            answer = api.get(path, headers={"Accept": accept})
            names = [one.strip() for one in answer.headers["Vary"].split(",")]
            assert "Accept" in names

    def test_stream_that_breaks_is_told_in_one_line(
        self, api: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        for n in range(10):
            register(api, sku=f"SKU-{n}")
        read, calls = Reader.items, []

        def cancelled(*args: Any, **options: Any) -> Any:
            calls.append(args)
            if len(calls) > 2:
                raise ReadCancelled
            return read(*args, **options)

        monkeypatch.setattr(Reader, "items", cancelled)
        answer = api.get("/items", headers={"Accept": "application/x-ndjson"})
        assert len(answer.text.splitlines()) == 8
        (told,) = [one for one in caplog.records if one.levelno >= logging.WARNING]
        assert "broken off" in told.getMessage()
        assert told.exc_info is None

    def test_what_was_exported_is_imported(self, api: TestClient, tea: UUID) -> None:
        sync(api, element("INBOUND", tea, 5))
        exported = api.get("/items", headers={"Accept": "text/csv"}).content
        # Its id follows from its location.
        moved = exported.replace(b"main,", b"annex,").replace(str(tea).encode(), b"")
        done = send_file(api, moved)
        assert (done["registered"], done["opened"], done["failed"]) == (1, 1, 0)
        shown = api.get("/items", params={"location": "annex"}).json()["items"]
        assert [one["onHand"] for one in shown] == [5]


def rest_of(connection: socket.socket) -> bytes:
    found = b""
    while chunk := connection.recv(65_536):
        found += chunk
    return found


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_client_that_leaves_is_no_error(database_url: str) -> None:
    request = b"GET /movements HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/csv\r\n"
    with running(database_url) as server:
        tea = UUID(server_register(server.url))
        for _ in range(20):
            post_batch(server.url, [element("INBOUND", tea, 1) for _ in range(1_000)])
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", server.port)) as leaving:
                leaving.sendall(request + b"\r\n")
                assert leaving.recv(10_000).startswith(b"HTTP/1.1 200")
                # Unread bytes make the end a reset.
        with socket.create_connection(("127.0.0.1", server.port)) as staying:
            staying.sendall(request + b"Connection: close\r\n\r\n")
            assert rest_of(staying).endswith(b"0\r\n\r\n")
        assert "Traceback" not in server.output
        assert "ERROR" not in server.output


@pytest.mark.parametrize(
    ("accept", "format"),
    [
        ("", None),
        ("*/*", None),
        ("application/json", None),
        ("text/csv", "csv"),
        ("TEXT/CSV; charset=utf-8", "csv"),
        ("application/x-ndjson", "ndjson"),
        ("application/ndjson", "ndjson"),
        ("application/json, text/csv", None),
        ("text/csv, */*;q=0.1", "csv"),
        ("text/csv;q=0.5, application/json", None),
        ("text/csv;q=0, application/json;q=0.1", None),
        ("text/csv;q=x", None),
        ("text/html, */*;q=0.8", None),
        (";;,,;q=1", None),
    ],
)
def test_format_is_the_one_that_the_client_likes_best(accept: str, format: str | None) -> None:
    assert accepted_format(accept) == format
