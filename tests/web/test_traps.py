"""Stale answers, gaps, data of other people, and numbers that could mean two things."""

import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from application.access.roles import Role
from application.parsing.batch import parse_batch
from interface.client.labels import item_id
from interface.composition import compose
from interface.settings import Settings
from tests.support.browser import key_of, open_screen, scan, sign_in, visit
from tests.support.builders import CLERK, element
from tests.support.server import post
from tests.support.shop import SHOP, STORE, Shop, Visitor, filled_shop

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Contexts = Callable[..., BrowserContext]


def open_item(page: Page, sku: str, location: str = SHOP) -> None:
    page.goto(f"{page.url.split('/console')[0]}/console/items/{item_id(location, sku)}")
    page.get_by_role("heading", name="History").wait_for()


@pytest.mark.parametrize(
    ("typed", "recorded"), [("1,000", "1,000"), ("2000", "2,000"), ("1,234,567", "1,234,567")]
)
def test_number_is_read_as_the_page_writes_it(screen: Visitor, typed: str, recorded: str) -> None:
    page = screen()
    open_item(page, "COFFEE-1K", STORE)
    page.get_by_role("button", name="Record a count").click()
    page.get_by_label("Quantity").fill(typed)
    expect(page.get_by_role("dialog")).to_contain_text(f"to {recorded}.")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".facts .big dd")).to_contain_text(f"{recorded} bag")


def test_no_change_is_missed_while_the_server_is_away(browser: Browser, tmp_path: Path) -> None:
    with filled_shop(tmp_path) as shop, visit(browser, shop.url) as context:
        sign_in(context, shop.url, shop.key(Role.MANAGER))
        page = open_screen(context, f"{shop.url}/console/?q=OIL")
        live = page.get_by_text("Live", exact=True)
        expect(live).to_be_visible()
        row = page.get_by_role("row").filter(has_text="OIL-OLIVE").get_by_role("cell").nth(2)
        before = int(row.inner_text().split()[0])
        shop.server.kill()
        expect(page.get_by_text("No connection", exact=True)).to_be_visible()
        page.wait_for_timeout(5_000)
        with compose(Settings(database_url=shop.database_url)) as services:
            batch = parse_batch([element("INBOUND", item_id(SHOP, "OIL-OLIVE"), 100)])
            services.sync.submit(batch, CLERK).result()
        shop.server.start().wait_until_ready()
        expect(row).to_have_text(f"{before + 100} bottle", timeout=20_000)
        expect(live).to_be_visible()


def test_report_of_another_file_allows_no_import(screen: Visitor, tmp_path: Path) -> None:
    page = screen("/console/files")
    files = [tmp_path / "one.csv", tmp_path / "two.csv"]
    for file in files:
        file.write_text(f"sku,name,unit\n{file.stem},x,piece\n")

    def late(route: Route) -> None:
        page.get_by_label("CSV file").set_input_files(files[1])
        route.continue_()

    page.route("**/items/import?**", late, times=1)
    page.get_by_label("CSV file").set_input_files(files[0])
    page.get_by_label("Location of rows that name none").fill(SHOP)
    with page.expect_response("**/items/import?**"):
        page.get_by_role("button", name="Check the file").click()
    expect(page.get_by_role("button", name="Check the file")).to_be_enabled()
    expect(page.get_by_role("button", name="Import", exact=True)).to_be_disabled()
    expect(page.get_by_text("Nothing is recorded yet")).to_have_count(0)


def test_other_person_sees_nothing_of_the_first(shop: Shop, contexts: Contexts) -> None:
    context = contexts(Role.ADMIN)
    page = open_screen(context, f"{shop.url}/console/audit")
    expect(page.locator("[data-row]").first).to_be_visible()
    context.clear_cookies()
    page.get_by_label("By").fill("x")
    again = page.get_by_role("dialog", name="Sign in again")
    again.get_by_label("API key").fill(shop.key(Role.CLERK))
    again.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("a clerk · Clerk")).to_be_visible()
    expect(page.get_by_role("heading", name="Stock", exact=True)).to_be_visible()


def test_sign_out_is_one_of_all_tabs(shop: Shop, contexts: Contexts) -> None:
    context = contexts(None)
    sign_in(context, shop.url, key_of(shop.database_url, Role.MANAGER, SHOP))
    first, second = (open_screen(context, f"{shop.url}/console/settings") for _ in range(2))
    first.get_by_role("button", name="Sign out", exact=True).click()
    for page in (first, second):
        expect(page.get_by_label("API key")).to_be_visible()


def test_whoever_does_not_sign_in_again_sees_nothing(shop: Shop, contexts: Contexts) -> None:
    context = contexts(Role.MANAGER)
    page = open_screen(context, f"{shop.url}/console/journal")
    context.clear_cookies()
    page.get_by_label("Reference").fill("x")
    page.get_by_role("dialog", name="Sign in again").wait_for()
    page.keyboard.press("Escape")
    expect(page.get_by_label("API key")).to_be_visible()
    expect(page.locator("[data-row]")).to_have_count(0)


def test_screen_loads_again_after_a_sign_in(shop: Shop, contexts: Contexts) -> None:
    key = key_of(shop.database_url, Role.MANAGER, SHOP)
    context = contexts(None)
    sign_in(context, shop.url, key)
    page = open_screen(context, f"{shop.url}/console/journal")
    context.clear_cookies()
    page.get_by_label("Type").select_option("COUNT")
    again = page.get_by_role("dialog", name="Sign in again")
    again.get_by_label("API key").fill(key)
    again.get_by_role("button", name="Sign in").click()
    expect(page.locator("[data-row]").first).to_be_visible()


def test_two_filters_set_at_once_both_count(screen: Visitor) -> None:
    page = screen("/console/journal")
    page.get_by_label("By", exact=True).fill("till-1")
    page.get_by_label("Type").select_option("OUTBOUND")
    page.wait_for_timeout(600)
    assert "actor=till-1" in page.url
    assert "type=OUTBOUND" in page.url


def test_count_offers_no_undo(screen: Visitor) -> None:
    page = screen()
    open_item(page, "MILK-1L")
    rows = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="Count"))
    rows.first.wait_for()
    assert rows.get_by_role("button", name="Undo").count() == 0


def test_repeated_count_is_recorded_once(screen: Visitor) -> None:
    page = screen()
    open_item(page, "HONEY-500")
    counts = page.get_by_role("rowheader", name="Count", exact=True)
    counts.first.wait_for()
    before = counts.count()
    page.get_by_role("button", name="Record a count").click()
    page.get_by_label("Quantity").fill("3")

    def lose_the_answer(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route("**/movements", lose_the_answer, times=1)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("No connection")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(counts).to_have_count(before + 1)


def test_dialog_of_one_item_is_not_left_over_another(screen: Visitor) -> None:
    page = screen()
    open_item(page, "BREAD-RYE")
    page.evaluate(
        "(path) => { history.pushState(null, '', path);"
        " dispatchEvent(new PopStateEvent('popstate')) }",
        f"/console/items/{item_id(SHOP, 'APPLE')}",
    )
    page.get_by_role("heading", name="Apples").wait_for()
    page.get_by_role("button", name="Record a correction").click()
    expect(page.get_by_role("dialog", name="Record a correction: Apples")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Rye bread")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_answer_that_is_older_than_a_change_does_not_win(shop: Shop, screen: Visitor) -> None:
    page = screen("/console/settings")
    oil = UUID(str(item_id(SHOP, "OIL-OLIVE")))
    expect(page.get_by_text("Live", exact=True)).to_be_visible()

    def overtaken(route: Route) -> None:
        answer = route.fetch(headers=route.request.headers | {"sec-fetch-site": "same-origin"})
        body = {"transactions": [element("INBOUND", oil, 5)]}
        post(f"{shop.url}/sync/transactions", body, shop.key(Role.MANAGER)).raise_for_status()
        time.sleep(1.5)
        route.fulfill(response=answer)

    page.route("**/items?limit=100", overtaken, times=1)
    page.get_by_role("link", name="Stock", exact=True).click()
    row = page.get_by_role("row").filter(has_text="OIL-OLIVE").get_by_role("cell").nth(2)
    row.wait_for()
    page.wait_for_timeout(300)
    shown = row.inner_text()
    page.reload()
    expect(row).to_have_text(shown)


@pytest.mark.parametrize("path", ["items/{item}?asOf=banana", "items/%E0%A4%A"])
def test_broken_link_takes_no_other_screen_with_it(screen: Visitor, path: str) -> None:
    page = screen("/console/settings")
    target = path.format(item=item_id(SHOP, "APPLE"))
    page.goto(page.url.replace("settings", target))
    page.get_by_role("link", name="Journal").click()
    expect(page.get_by_role("heading", name="Journal")).to_be_visible()


@pytest.mark.parametrize(
    "stored", ['{"language":"xx"}', '{"rows":"abc"}', '{"rows":0}', "null", "[]", "{broken"]
)
def test_damaged_settings_are_those_of_a_new_browser(screen: Visitor, stored: str) -> None:
    page = screen("/console/settings")
    page.evaluate("(text) => localStorage.setItem('stockledger-settings', text)", stored)
    page.goto(page.url.replace("settings", ""))
    expect(page.locator("[data-row]").first).to_be_visible()


def test_scan_without_a_connection_is_told(screen: Visitor) -> None:
    page = screen("/console/settings")
    page.route("**/items?code=**", lambda route: route.abort())
    scan(page, "4006381333993")
    expect(page.locator(".message.error")).to_contain_text("No connection")
