"""The work of a shop manager and an auditor, without curl."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from application.access.roles import Role
from tests.support.browser import open_screen, sign_in, visit
from tests.support.builders import element
from tests.support.server import post
from tests.support.shop import SHOP, STORE, Shop, filled_shop

pytestmark = pytest.mark.browser

PRICE_LIST = """\
sku;name;unit;safety stock;barcode;stock
LAMP-1;Desk lamp;piece;3;4006381334006;12
LAMP-2;Floor lamp;piece;2;4006381334013;4,5
VASE;Vase;piece;;;7
"""


@pytest.fixture(scope="module")
def shop(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Of this file alone: its tests change the ledger."""
    with filled_shop(tmp_path_factory.mktemp("work")) as found:
        yield found


@pytest.fixture
def context(browser: Browser, shop: Shop) -> Iterator[BrowserContext]:
    with visit(browser, shop.url) as found:
        sign_in(found, shop.url, shop.key(Role.MANAGER))
        yield found


def open_item(context: BrowserContext, shop: Shop, sku: str, location: str = SHOP) -> Page:
    page = open_screen(context, f"{shop.url}/console/?q={sku}&location={location}")
    page.get_by_role("link", name=sku).click()
    page.get_by_role("heading", name="History").wait_for()
    return page


def on_hand(page: Page) -> Locator:
    return page.locator(".facts .big dd")


def said(page: Page, text: str) -> None:
    expect(page.locator(".message")).to_contain_text(text)


def test_items_come_from_a_spreadsheet(context: BrowserContext, shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "catalogue.csv"
    file.write_text(PRICE_LIST)
    page = open_screen(context, f"{shop.url}/console/files")
    page.get_by_label("CSV file").set_input_files(file)
    page.get_by_label("Location of rows that name none").fill(SHOP)
    apply = page.get_by_role("button", name="Import", exact=True)
    expect(apply).to_be_disabled()
    page.get_by_role("button", name="Check the file").click()
    expect(page.get_by_text("Nothing is recorded yet")).to_be_visible()
    expect(page.get_by_role("row", name="3")).to_contain_text("whole number")
    file.write_text(PRICE_LIST.replace("4,5", "4"))
    page.get_by_role("button", name="Check the file").click()
    expect(page.locator("form").get_by_role("alert")).to_contain_text("Choose it again")
    with page.expect_file_chooser() as chooser:
        page.get_by_label("CSV file").click()
    chooser.value.set_files(file)
    expect(apply).to_be_disabled()
    page.get_by_role("button", name="Check the file").click()
    expect(page.get_by_text("No problems")).to_be_visible()
    apply.click()
    said(page, "Imported.")
    page = open_item(context, shop, "LAMP-1")
    expect(on_hand(page)).to_contain_text("12")
    expect(page.locator(".codes")).to_contain_text("4006381334006")


def test_refused_sale_is_settled_with_what_was_there(context: BrowserContext, shop: Shop) -> None:
    page = open_screen(context, f"{shop.url}/console/rejections")
    row = page.get_by_role("row").filter(has_text="JAM-PLUM").filter(has_text="Goods out 45")
    row.get_by_role("link").click()
    detail = page.get_by_role("region", name="The entry")
    expect(detail).to_contain_text("Not enough stock: 45 requested")
    missing = 45 - int(detail.get_by_text("jar").locator("..").inner_text().split()[0])
    detail.get_by_role("button", name="Retry with a correction").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Correction")).to_have_value(str(missing))
    dialog.get_by_label("Reason").fill("two boxes in the cellar")
    expect(dialog).to_contain_text("and then to 0")
    dialog.get_by_role("button", name="Retry").click()
    said(page, "It is recorded.")
    expect(row).to_have_count(0)
    page = open_item(context, shop, "JAM-PLUM")
    expect(on_hand(page)).to_contain_text("0 jar")
    expect(page.get_by_role("row").filter(has_text="two boxes in the cellar")).to_have_count(1)


def test_sale_of_what_the_ledger_does_not_know_is_overridden(
    context: BrowserContext, shop: Shop
) -> None:
    page = open_screen(context, f"{shop.url}/console/rejections?code=INSUFFICIENT_STOCK")
    row = page.get_by_role("row").filter(has_text="HONEY-500").filter(has_text="Goods out 60")
    row.get_by_role("link").click()
    page.get_by_role("button", name="Record below the floor").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("the delivery note is still to come")
    dialog.get_by_role("button", name="Retry").click()
    said(page, "It is recorded.")
    page = open_screen(context, f"{shop.url}/console/low-stock?tab=negative")
    expect(page.get_by_role("row").filter(has_text="HONEY-500")).to_contain_text("−60")


def test_unknown_item_is_registered_from_its_sale(context: BrowserContext, shop: Shop) -> None:
    page = open_screen(context, f"{shop.url}/console/rejections?code=UNKNOWN_ITEM")
    page.get_by_role("link", name="unknown item").click()
    page.get_by_role("button", name="Register the item, and retry").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("SKU").fill("SOAP-2")
    dialog.get_by_label("Name").fill("Soap")
    dialog.get_by_label("Unit").fill("piece")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("This is another item")
    dialog.get_by_label("SKU").fill("SOAP-1")
    dialog.get_by_label("Floor").fill("-20")
    dialog.get_by_role("button", name="Save").click()
    said(page, "It is recorded.")
    expect(page.get_by_text("Nothing matches these filters")).to_be_visible()
    expect(on_hand(open_item(context, shop, "SOAP-1"))).to_contain_text("−2")


def test_other_details_replace_those_that_are_registered(
    context: BrowserContext, shop: Shop
) -> None:
    page = open_screen(context, f"{shop.url}/console/rejections?code=ITEM_DIFFERS")
    page.get_by_role("link", name="JAM-PLUM").click()
    page.get_by_role("button", name="Take these details").click()
    page.get_by_role("dialog").get_by_role("button", name="Take these details").click()
    said(page, "It is recorded.")
    page = open_screen(context, f"{shop.url}/console/?q=JAM-PLUM")
    expect(page.get_by_role("row").filter(has_text="Plum jam, large")).to_have_count(1)


def test_group_is_shown_as_a_group_and_many_are_dismissed_at_once(
    context: BrowserContext, shop: Shop
) -> None:
    page = open_screen(context, f"{shop.url}/console/rejections?device=till-2")
    expect(page.get_by_text("Group of 2: all of it is recorded, or nothing")).to_have_count(2)
    page.get_by_label("Select all rows of this page").check()
    page.get_by_role("button", name="Dismiss 3").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("the gift box was never sold")
    dialog.get_by_role("button", name="Dismiss 3").click()
    said(page, "3 entries done")
    page.get_by_label("Status").select_option(label="Dismissed")
    expect(page.get_by_role("row").filter(has_text="Dismissed")).to_have_count(3)


def test_count_is_taken(context: BrowserContext, shop: Shop) -> None:
    page = open_item(context, shop, "OIL-OLIVE")
    page.get_by_role("button", name="Record a count").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Quantity").fill("5")
    expect(dialog).to_contain_text("to 5.")
    dialog.get_by_role("button", name="Save").click()
    expect(on_hand(page)).to_contain_text("5 bottle")
    page = open_screen(context, f"{shop.url}/console/stock-takes?differences=true")
    row = page.get_by_role("row").filter(has_text="OIL-OLIVE").first
    expect(row.get_by_role("cell").nth(1)).to_have_text("5")


def test_correction_is_recorded_once_and_undone(context: BrowserContext, shop: Shop) -> None:
    page = open_item(context, shop, "SUGAR-1K")
    before = on_hand(page).inner_text()
    page.get_by_role("button", name="Record a correction").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Quantity").fill("−3")
    dialog.get_by_label("Reason").select_option(label="Damaged")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    row = page.get_by_role("row").filter(has_text="Adjustment").first
    expect(row).to_contain_text("Damaged")
    row.get_by_role("button", name="Undo").click()
    page.get_by_role("dialog").get_by_role("button", name="Undo").click()
    expect(page.get_by_role("rowheader", name="Void", exact=True)).to_have_count(1)
    expect(row).to_contain_text("voided")
    assert on_hand(page).inner_text() == before


def test_answer_that_is_lost_does_not_record_twice(context: BrowserContext, shop: Shop) -> None:
    page = open_item(context, shop, "COFFEE-1K", STORE)
    page.get_by_role("button", name="Record a correction").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Quantity").fill("5")
    dialog.get_by_label("Reason").select_option(label="Found")

    def lose_the_answer(route: object) -> None:
        route.fetch()  # type: ignore[attr-defined]
        route.abort()  # type: ignore[attr-defined]

    page.route("**/movements", lose_the_answer, times=1)
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("No connection")
    expect(dialog.get_by_label("Quantity")).to_have_value("5")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("row").filter(has_text="Found")).to_have_count(1)


def test_provisional_item_is_confirmed(context: BrowserContext, shop: Shop) -> None:
    page = open_screen(context, f"{shop.url}/console/?show=provisional")
    page.get_by_role("link", name="CANDLE").click()
    page.get_by_role("button", name="Confirm", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Safety stock").fill("4")
    dialog.get_by_role("button", name="Confirm").click()
    said(page, "It is saved.")
    expect(page.get_by_role("row").filter(has_text="Confirmed")).to_have_count(1)
    expect(page.get_by_role("button", name="Confirm", exact=True)).to_have_count(0)


def test_item_is_edited_discontinued_and_reactivated(context: BrowserContext, shop: Shop) -> None:
    page = open_item(context, shop, "APPLE")
    page.get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("Red apples")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Red apples")).to_be_visible()
    for action, state in (("Discontinue", "discontinued"), ("Reactivate", "")):
        page.get_by_role("button", name=action).click()
        page.get_by_role("dialog").get_by_role("button", name=action).click()
        expect(page.get_by_role("button", name=action)).to_have_count(0)
        expect(on_hand(page)).to_contain_text(state)


def test_barcode_is_added_and_retired(context: BrowserContext, shop: Shop) -> None:
    page = open_item(context, shop, "BREAD-RYE")
    page.get_by_role("button", name="Add a barcode").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Barcode").fill("4006381333993")  # That of the honey.
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("belongs to another item")
    dialog.get_by_label("Barcode").fill("4006381334020")
    dialog.get_by_label("Quantity that one scan counts").fill("6")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text("counts 6")).to_be_visible()
    page.get_by_role("button", name="Retire: 4006381334020").click()
    page.get_by_role("dialog").get_by_role("button", name="Retire").click()
    expect(page.get_by_text("No barcodes")).to_be_visible()


def test_chart_tells_what_the_ledger_knows(context: BrowserContext, shop: Shop) -> None:
    page = open_item(context, shop, "MILK-1L")
    chart = page.get_by_role("img")
    expect(chart).to_have_attribute("aria-label", _text("the lowest was"))
    page.get_by_label("All", exact=True).check()
    expect(page).to_have_url(_text("period=all"))
    page.get_by_text("As a table").click()
    last = page.locator(".chart tbody tr").last.get_by_role("cell").first.inner_text()
    assert on_hand(page).inner_text().startswith(last)
    chart.focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Home")
    expect(page.locator(".chart [aria-live]")).to_contain_text(": 0")


def test_past_is_asked_for_by_date(context: BrowserContext, shop: Shop) -> None:
    page = open_item(context, shop, "MILK-1L")
    page.get_by_label("As of a date").fill("2020-01-01")
    expect(page.get_by_text("The item did not exist then.")).to_be_visible()
    today = page.evaluate("new Date().toLocaleDateString('sv')")
    page.get_by_label("As of a date").fill(today)
    expect(page.locator(".as-of .outcome")).to_contain_text(on_hand(page).inner_text().split()[0])
    page.reload()
    expect(page.get_by_label("As of a date")).to_have_value(today)


def test_auditor_gets_a_file_that_a_spreadsheet_opens(browser: Browser, shop: Shop) -> None:
    with visit(browser, shop.url) as context:
        sign_in(context, shop.url, shop.key(Role.AUDITOR))
        page = open_screen(context, f"{shop.url}/console/files")
        page.get_by_label("List").select_option(label="Movements")
        with page.expect_download() as download:
            page.get_by_role("button", name="Download as CSV").click()
        path = Path(download.value.path())
        assert download.value.suggested_filename == "movements.csv"
        rows = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
        assert len(rows) > 2_000
        assert {"sku", "quantity", "onHand"} <= rows[0].keys()


def test_key_is_created_shown_once_rotated_and_revoked(browser: Browser, shop: Shop) -> None:
    with visit(browser, shop.url) as context:
        sign_in(context, shop.url, shop.key(Role.ADMIN))
        page = open_screen(context, f"{shop.url}/console/keys")
        page.get_by_role("button", name="Create a key").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Name").fill("scanner-99")
        dialog.get_by_label("Locations").fill(SHOP)
        dialog.get_by_role("button", name="Create a key").click()
        shown = page.get_by_role("dialog", name="The key of scanner-99")
        secret = shown.locator("code").inner_text()
        expect(shown.get_by_role("img")).to_be_visible()
        body = {"transactions": [element("INBOUND", UUID(int=7), 1)]}
        assert post(f"{shop.url}/sync/transactions", body, secret).status_code == 200
        page.keyboard.press("Escape")
        expect(shown).to_be_visible()
        shown.get_by_role("button", name="I have it").click()
        assert secret not in page.content()
        page.get_by_role("button", name="Rotate: scanner-99").click()
        page.get_by_role("dialog").get_by_role("button", name="Rotate").click()
        page.get_by_role("button", name="I have it").click()
        page.get_by_role("button", name="Revoke: scanner-99").first.click()
        page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
        said(page, "The key is revoked.")
        page = open_screen(context, f"{shop.url}/console/audit?action=KEY_REVOKED")
        expect(page.get_by_role("row").filter(has_text="scanner-99")).to_have_count(1)


def _text(part: str) -> re.Pattern[str]:
    return re.compile(re.escape(part))
