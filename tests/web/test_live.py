"""Changes arrive by one stream a browser, and nothing moves under the pointer."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import httpx2
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from application.access.roles import Role
from interface.client.labels import item_id
from tests.support.browser import open_screen, sign_in, visit
from tests.support.builders import element
from tests.support.server import post
from tests.support.shop import SHOP, Shop, Visitor, filled_shop

pytestmark = [pytest.mark.browser, pytest.mark.slow]

OIL = item_id(SHOP, "OIL-OLIVE")
TABS = 8


def record(shop: Shop, item: UUID = OIL, quantity: int = 1, type: str = "INBOUND") -> None:
    body = {"transactions": [element(type, item, quantity)]}
    post(f"{shop.url}/sync/transactions", body, shop.key(Role.MANAGER)).raise_for_status()


def streams_of(context: BrowserContext) -> list[str]:
    """Addresses of the streams that the browser opens from now on."""
    opened: list[str] = []
    context.on("request", lambda one: opened.append(one.url) if "/sync/stream" in one.url else None)
    return opened


def live(page: Page) -> None:
    expect(page.get_by_text("Live", exact=True)).to_be_visible()


def test_quantity_follows_and_rows_stay(shop: Shop, screen: Visitor) -> None:
    page = screen("/console/")
    live(page)
    row = page.get_by_role("row").filter(has_text="OIL-OLIVE")
    order = page.get_by_role("rowheader").all_inner_texts()
    before = int(row.get_by_role("cell").nth(2).inner_text().split()[0])
    record(shop)
    expect(row.get_by_role("cell").nth(2)).to_have_text(f"{before + 1} bottle")
    assert page.get_by_role("rowheader").all_inner_texts() == order


def test_new_rows_are_counted_and_shown_on_request(shop: Shop, screen: Visitor) -> None:
    page = screen("/console/journal")
    live(page)
    first = page.locator("tbody tr").first.get_attribute("data-row")
    for _ in range(3):
        record(shop)
    button = page.get_by_role("button", name="Show 3 new entries")
    expect(button).to_be_visible()
    assert page.locator("tbody tr").first.get_attribute("data-row") == first
    button.click()
    expect(button).to_be_hidden()
    assert page.locator("tbody tr").nth(3).get_attribute("data-row") == first


def test_filter_decides_what_counts_as_new(shop: Shop, screen: Visitor) -> None:
    page = screen("/console/journal?type=COUNT")
    live(page)
    record(shop)
    record(shop, type="COUNT", quantity=9)
    expect(page.get_by_role("button", name="Show 1 new entry")).to_be_visible()


def test_dialog_stays_while_changes_arrive(shop: Shop, screen: Visitor) -> None:
    page = screen(f"/console/items/{OIL}")
    live(page)
    page.get_by_role("button", name="Record a count").click()
    page.get_by_label("Quantity").fill("7")
    head = page.locator(".facts .big dd")
    before = head.inner_text()
    record(shop, quantity=3)
    expect(head).not_to_have_text(before)
    expect(page.get_by_label("Quantity")).to_have_value("7")
    expect(page.get_by_label("Quantity")).to_be_focused()


def test_number_of_open_rejections_is_live(shop: Shop, screen: Visitor) -> None:
    page = screen("/console/rejections")
    badge = page.get_by_role("navigation").get_by_text("open")
    expect(badge).to_be_attached()
    before = int(badge.inner_text().split()[0])
    record(shop, quantity=100_000, type="OUTBOUND")
    expect(badge).to_have_text(f"{before + 1} open")
    page.get_by_role("button", name="Show 1 new entry").click()
    expect(page.get_by_role("row").filter(has_text="100,000 requested")).to_have_count(1)


def test_eight_tabs_share_one_stream(shop: Shop, contexts: Callable[..., BrowserContext]) -> None:
    """A browser opens six connections to a server at most: a stream each would stop them all."""
    context = contexts(Role.MANAGER)
    opened = streams_of(context)
    tabs = [open_screen(context, f"{shop.url}/console/journal") for _ in range(TABS)]
    for tab in tabs:
        live(tab)
        expect(tab.locator("tbody tr").first).to_be_visible()
    assert len(opened) == 1
    record(shop)
    for tab in tabs:
        expect(tab.get_by_role("button", name="Show 1 new entry")).to_be_visible()
    tabs[0].close()
    record(shop)
    for tab in tabs[1:]:
        expect(tab.get_by_role("button", name="Show 2 new entries")).to_be_visible()
    assert len(opened) == 2


def test_page_outlives_the_server(browser: Browser, tmp_path: Path) -> None:
    with filled_shop(tmp_path) as shop, visit(browser, shop.url) as context:
        sign_in(context, shop.url, shop.key(Role.MANAGER))
        page = open_screen(context, f"{shop.url}/console/")
        live(page)
        shop.server.kill()
        expect(page.get_by_text("No connection", exact=True)).to_be_visible()
        page.get_by_label("Search by SKU or name").fill("OIL")
        expect(page.get_by_text("There is no connection to the server")).to_be_visible()
        page.get_by_label("Search by SKU or name").fill("")
        shop.server.start().wait_until_ready()
        live(page)
        expect(page.get_by_role("row").filter(has_text="OIL-OLIVE")).to_be_visible()
        before = page.get_by_role("row").filter(has_text="OIL-OLIVE").inner_text()
        record(shop)
        expect(page.get_by_role("row").filter(has_text="OIL-OLIVE")).not_to_have_text(before)


def test_rows_stay_readable_without_a_connection(browser: Browser, tmp_path: Path) -> None:
    with filled_shop(tmp_path) as shop, visit(browser, shop.url) as context:
        sign_in(context, shop.url, shop.key(Role.MANAGER))
        page = open_screen(context, f"{shop.url}/console/journal")
        live(page)
        record(shop)
        button = page.get_by_role("button", name="Show 1 new entry")
        expect(button).to_be_visible()
        os.killpg(shop.server.process.pid, signal.SIGKILL)
        shop.server.process.wait()
        button.click()
        expect(page.get_by_text("There is no connection; it tries again")).to_be_visible()
        expect(page.locator("tbody tr").first).to_be_visible()
        shop.server.start().wait_until_ready()
        expect(page.get_by_text("There is no connection; it tries again")).to_be_hidden()


def test_revoked_key_ends_the_session_in_an_open_page(
    shop: Shop, contexts: Callable[..., BrowserContext]
) -> None:
    admin = {"Authorization": f"Bearer {shop.key(Role.ADMIN)}"}
    body = {"name": "for a moment", "role": "manager", "locations": [SHOP]}
    issued = httpx2.post(f"{shop.url}/keys", json=body, headers=admin).raise_for_status().json()
    context = contexts(None)
    sign_in(context, shop.url, issued["key"])
    page = open_screen(context, f"{shop.url}/console/journal")
    live(page)
    httpx2.post(f"{shop.url}/keys/{issued['keyId']}/revoke", headers=admin).raise_for_status()
    expect(page.get_by_role("dialog", name="Sign in again")).to_be_visible(timeout=20_000)
    expect(page.locator("tbody tr").first).to_be_visible()
