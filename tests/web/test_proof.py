"""Checkpoints and proofs, for people: what they see and take away holds without the server."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext, Download, Locator, Page, expect

from application.access.roles import Role
from application.parsing.batch import parse_batch
from interface.client.labels import item_id
from interface.composition import compose
from interface.settings import Settings
from tests.support.browser import alter, key_of, open_screen, sign_in, visit
from tests.support.builders import CLERK, element
from tests.support.cli import run
from tests.support.server import TIMEOUT_SECONDS, get, post, running
from tests.support.shop import UNLIMITED, Shop

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TEA = item_id("main", "TEA-250")
SEALED = UUID("6b1f9f3e-2c4d-4f5a-8b6c-0a1b2c3d4e5f")
ONE_CHECKPOINT = {"STOCKLEDGER_CHECKPOINT_INTERVAL": "86400"}
"""A day passes before the second one. So what comes after the first is not sealed."""

VERIFIED = {
    "finishedAt": "2020-01-01T00:00:00Z",
    "events": 2,
    "position": 2,
    "root": "00" * 32,
    "findings": 0,
    "isComplete": True,
}


def state_of(shop: Shop) -> dict[str, Any]:
    state: dict[str, Any] = get(f"{shop.url}/tree", shop.key(Role.AUDITOR)).json()
    return state


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A ledger with one movement of tea, which is sealed."""
    url = f"sqlite:///{tmp_path_factory.mktemp('proof') / 'ledger.db'}"
    tea = {"location": "main", "sku": "TEA-250", "name": "Green tea", "unit": "tin"}
    delivery = element("INBOUND", TEA, 7) | {"localId": str(SEALED)}
    with compose(Settings(database_url=url)) as services:
        services.sync.submit(parse_batch([delivery], items=[tea]), CLERK).result()
    key = key_of(url, Role.AUDITOR)
    with running(url, auth=True, environment=UNLIMITED | ONE_CHECKPOINT) as server:
        found = Shop(server, url, {Role.AUDITOR: key, Role.CLERK: key_of(url, Role.CLERK, "main")})
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while state_of(found)["checkpoint"] is None:
            assert time.monotonic() < deadline, "no checkpoint was signed"
            time.sleep(0.1)
        yield found


@pytest.fixture
def context(browser: Browser, shop: Shop) -> Iterator[BrowserContext]:
    options = {"permissions": ["clipboard-read", "clipboard-write"], "locale": "en-GB"}
    with visit(browser, shop.url, **options) as found:
        sign_in(found, shop.url, shop.key(Role.AUDITOR))
        yield found


@pytest.fixture
def page(context: BrowserContext, shop: Shop) -> Page:
    found = open_screen(context, f"{shop.url}/console/proof")
    found.get_by_role("heading", name="Newest checkpoint").wait_for()
    return found


def section(page: Page, heading: str) -> Locator:
    return page.locator("section").filter(has=page.get_by_role("heading", name=heading))


def clipboard(page: Page) -> str:
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text


def checked(download: Download, shop: Shop) -> str:
    """What `stockledger check` says of a file, with the key of the log."""
    (key,) = state_of(shop)["verifierKeys"]
    result = run("check", str(download.path()), "--key", key)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_root_can_be_compared_by_eye(page: Page, shop: Shop) -> None:
    checkpoint = state_of(shop)["checkpoint"]
    newest = section(page, "Newest checkpoint")
    short, whole = newest.locator(".root").all()
    assert short.inner_text() == checkpoint["root"][:8] + "…"
    assert whole.inner_text() == checkpoint["root"]
    assert whole.locator("strong").inner_text() == checkpoint["root"][:8]
    expect(newest.get_by_role("definition").first).to_have_text(str(checkpoint["size"]))


def test_checkpoint_is_taken_away_as_it_was_signed(page: Page, shop: Shop) -> None:
    checkpoint = state_of(shop)["checkpoint"]
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the checkpoint").click()
    assert download.value.suggested_filename == f"checkpoint-{checkpoint['size']}.txt"
    assert Path(download.value.path()).read_bytes().decode() == checkpoint["note"]
    assert checked(download.value, shop).startswith("signed:")
    page.get_by_role("button", name="Copy the checkpoint").click()
    page.get_by_role("button", name="Copied").wait_for()
    assert clipboard(page) == checkpoint["note"]


def test_checkpoint_changes_only_on_request(page: Page, shop: Shop) -> None:
    newest = section(page, "Newest checkpoint")
    before = newest.locator(".root").first.inner_text()
    checkpoint = state_of(shop)["checkpoint"] | {"root": "ab" * 32, "size": 48_977}
    alter(page, "**/tree", checkpoint=checkpoint)
    page.wait_for_timeout(500)
    assert newest.locator(".root").first.inner_text() == before
    page.get_by_role("button", name="Show the newest").click()
    expect(newest.locator(".root").first).to_have_text("abababab…")
    expect(newest).to_contain_text("48,977")


def test_key_of_the_log_is_shown_copied_and_scanned(page: Page, shop: Shop) -> None:
    state = state_of(shop)
    log = section(page, "The log")
    expect(log).to_contain_text(state["origin"])
    (key,) = state["verifierKeys"]
    expect(log.locator(".secret")).to_have_text(key)
    expect(log.get_by_role("img", name="QR code: Verifier key")).to_be_visible()
    log.get_by_role("button", name="Copy the key").click()
    log.get_by_role("button", name="Copied").wait_for()
    assert clipboard(page) == key


def test_every_key_has_a_name(page: Page, shop: Shop) -> None:
    alter(page, "**/tree", verifierKeys=["log+00000001+AAAA", "log+00000002+BBBB"])
    page.get_by_role("button", name="Show the newest").click()
    expect(page.get_by_role("heading", name="Verifier key 1 of 2")).to_be_visible()
    expect(page.get_by_role("img", name="QR code: Verifier key 2 of 2")).to_be_visible()


def test_verification_is_told(page: Page, shop: Shop) -> None:
    found = section(page, "Last verification")
    expect(found).to_contain_text("Nobody has verified this ledger yet")
    expect(found).to_contain_text("stockledger verify")
    verified = run("verify", STOCKLEDGER_DATABASE_URL=shop.database_url)
    assert verified.returncode == 0, verified.stdout
    page.get_by_role("button", name="Show the newest").click()
    expect(found).to_contain_text("Proven")
    expect(found).to_contain_text("all events")
    expect(found.locator(".notice, pre")).to_have_count(0)


def test_findings_are_an_alarm(page: Page, shop: Shop) -> None:
    now: str = page.evaluate("new Date().toISOString()")
    alter(page, "**/tree", verification=VERIFIED | {"findings": 2, "finishedAt": now})
    page.get_by_role("button", name="Show the newest").click()
    alarm = page.get_by_role("alert")
    expect(alarm.get_by_text("The last verification has 2 findings")).to_be_visible()
    expect(page.get_by_text("older than 30 days")).to_have_count(0)
    expect(page.get_by_text("Proven", exact=True)).to_have_count(0)


def test_old_verification_is_a_warning(page: Page, shop: Shop) -> None:
    alter(page, "**/tree", verification=VERIFIED | {"isComplete": False})
    page.get_by_role("button", name="Show the newest").click()
    expect(page.get_by_text("The last verification is older than 30 days")).to_be_visible()
    expect(section(page, "Last verification")).to_contain_text("a part of the older ones")


def test_movement_is_proven_by_its_id(page: Page, shop: Shop) -> None:
    field = page.get_by_label("Id of the movement")
    button = page.get_by_role("button", name="Download proof")
    field.fill("TEA-250")
    button.click()
    expect(page.get_by_text("This is no id")).to_be_visible()
    field.fill(str(uuid4()))
    button.click()
    expect(page.locator(".message.error")).to_contain_text("No movement with this id is recorded")
    field.fill(f" {str(SEALED).upper()} ")
    with page.expect_download() as download:
        button.click()
    assert download.value.suggested_filename == f"{SEALED}.tlog-proof"
    assert str(SEALED) in checked(download.value, shop)
    expect(page.get_by_text("This is no id")).to_have_count(0)


@pytest.mark.parametrize("path", ["/console/journal", f"/console/items/{TEA}"])
def test_movement_is_proven_where_it_is_shown(
    context: BrowserContext, shop: Shop, path: str
) -> None:
    page = open_screen(context, shop.url + path)
    row = page.get_by_role("row").filter(has_text="Goods in").filter(has_text="+7")
    with page.expect_download() as download:
        row.get_by_role("button", name="Download proof").click()
    assert download.value.suggested_filename == f"{SEALED}.tlog-proof"
    assert checked(download.value, shop).startswith("proven:")


def test_what_is_too_new_is_told_in_words(context: BrowserContext, shop: Shop) -> None:
    body = {"transactions": [element("INBOUND", TEA, 30)]}
    post(f"{shop.url}/sync/transactions", body, shop.key(Role.CLERK)).raise_for_status()
    page = open_screen(context, f"{shop.url}/console/journal")
    page.get_by_role("button", name="Download proof: TEA-250 +30").click()
    expect(page.locator(".message.error")).to_contain_text("too new for a proof")


def test_page_of_another_network_is_no_proof(context: BrowserContext, shop: Shop) -> None:
    page = open_screen(context, f"{shop.url}/console/journal")
    page.route(
        "**/proof",
        lambda route: route.fulfill(content_type="text/html", body="<html>Welcome to our Wi-Fi"),
    )
    page.get_by_role("button", name="Download proof").last.click()
    expect(page.locator(".message.error")).to_contain_text("No connection")


def test_operator_is_told_how_to_begin(browser: Browser, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with (
        running(url, environment={"STOCKLEDGER_SEAL": "false"}) as server,
        visit(browser, server.url) as context,
    ):
        page = open_screen(context, f"{server.url}/console/proof")
        expect(page.get_by_text("No checkpoint is signed yet")).to_be_visible()
        expect(page.get_by_text("stockledger checkpoint new-key FILE")).to_be_visible()
        expect(page.get_by_text("No key has signed for this log yet.")).to_be_visible()
        expect(page.get_by_role("button", name="Download proof")).to_have_count(0)
