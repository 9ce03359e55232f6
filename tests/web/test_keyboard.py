"""The console without a mouse, and with a barcode scanner."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import scan
from tests.support.shop import SHOP, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HONEY = "4006381333993"

SCANNED_ON = ("/console/", "/console/rejections", "/console/proof", "/console/settings")


def press(page: Page, *keys: str) -> None:
    """Types like a person: each key after a pause."""
    for key in keys:
        page.keyboard.press(key)
        page.wait_for_timeout(450)


def test_worklist_is_worked_off_by_keyboard_alone(screen: Visitor) -> None:
    page = screen("/console/")
    press(page, "g", "r")
    expect(page.get_by_role("heading", name="Rejections")).to_be_visible()
    page.locator("[data-open]").first.wait_for()
    press(page, "j", "j", "k", "Enter")
    detail = page.get_by_role("region", name="The entry")
    expect(detail).to_be_visible()
    press(page, "d")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    press(page, "Escape")
    expect(dialog).to_be_hidden()
    press(page, "r")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    press(page, "Escape")
    press(page, "g", "s")
    expect(page.get_by_role("heading", name="Stock", exact=True)).to_be_visible()


def test_list_of_keys_and_search(screen: Visitor) -> None:
    page = screen("/console/")
    press(page, "?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    press(page, "Escape", "/")
    expect(page.get_by_label("Search by SKU or name")).to_be_focused()
    page.keyboard.type("milk", delay=90)
    expect(page.get_by_role("rowheader")).to_have_count(2)
    expect(page.get_by_label("Search by SKU or name")).to_have_value("milk")


def test_movement_is_proven_by_keyboard_alone(screen: Visitor) -> None:
    page = screen("/console/")
    press(page, "g", "p")
    expect(page.get_by_role("heading", name="Proof", exact=True)).to_be_visible()
    press(page, "g", "j", "j")
    expect(page.locator("[data-open]").first).to_be_focused()
    with page.expect_download():
        press(page, "Tab", "Enter")


def test_palette_finds_screens_items_and_barcodes(screen: Visitor) -> None:
    page = screen("/console/")
    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Search and commands")
    field = palette.get_by_role("combobox")
    field.fill("low")
    expect(palette.get_by_role("option").first).to_contain_text("Low stock")
    field.fill(HONEY)
    expect(palette.get_by_role("option")).to_have_text([f"HONEY-500 · Acacia honey 500 g {SHOP}"])
    field.fill("sugar")
    expect(palette.get_by_role("option").first).to_contain_text("SUGAR-1K")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Sugar 1 kg")).to_be_visible()


def test_single_keys_can_be_switched_off(screen: Visitor) -> None:
    page = screen("/console/settings")
    page.get_by_label("Keyboard shortcuts with a single key").uncheck()
    page.locator("body").click(position={"x": 700, "y": 5})
    press(page, "g", "j", "?")
    expect(page.get_by_role("heading", name="Settings")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog")).to_be_visible()


def test_keys_do_nothing_while_somebody_types(screen: Visitor) -> None:
    page = screen("/console/journal")
    field = page.get_by_label("Reference")
    field.focus()
    press(page, "g", "s", "d", "?")
    expect(field).to_have_value("gsd?")
    expect(page.get_by_role("heading", name="Journal")).to_be_visible()


@pytest.mark.parametrize("pace", [0, 30])
@pytest.mark.parametrize("path", SCANNED_ON)
def test_scan_opens_the_item_on_every_screen(screen: Visitor, path: str, pace: int) -> None:
    page = screen(path)
    scan(page, HONEY, pace)
    expect(page.get_by_role("heading", name="Acacia honey 500 g")).to_be_visible()


def test_scan_triggers_no_shortcut(screen: Visitor) -> None:
    """The code has the letters of shortcuts."""
    page = screen("/console/rejections")
    page.locator("[data-open]").first.click()
    page.get_by_role("region", name="The entry").wait_for()
    scan(page, "gjrd?e")
    expect(page).to_have_url(re.compile(r"/console/?\?code=gjrd%3Fe$"))
    expect(page.get_by_text("Nothing matches these filters")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_enter_that_ends_a_syllable_is_no_command(screen: Visitor) -> None:
    page = screen("/console/", locale="ko-KR")
    page.keyboard.press("Control+k")
    field = page.get_by_role("dialog").get_by_role("combobox")
    field.fill("설정")
    page.evaluate(
        "() => document.activeElement.dispatchEvent(new KeyboardEvent('keydown',"
        " {key: 'Enter', keyCode: 229, bubbles: true}))"
    )
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="설정")).to_be_visible()
