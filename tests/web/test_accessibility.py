"""WCAG 2.2 AA, as far as a program can tell: every screen, theme and language, at 320 px."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from application.access.roles import Role
from tests.support.browser import alter, open_screen
from tests.support.shop import Shop

pytestmark = [pytest.mark.browser, pytest.mark.slow]

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"

SCREENS = {
    "stock": "/console/",
    "low": "/console/low-stock",
    "negative": "/console/low-stock?tab=negative",
    "journal": "/console/journal",
    "rejections": "/console/rejections",
    "stock-takes": "/console/stock-takes",
    "files": "/console/files",
    "proof": "/console/proof",
    "audit": "/console/audit",
    "keys": "/console/keys?show=all",
    "settings": "/console/settings",
    "no-match": "/console/?q=nothing-has-this-name",
    "no-screen": "/console/nowhere",
    "no-item": "/console/items/00000000-0000-4000-8000-000000000000",
}

LANGUAGES = {"en": "en-GB", "ko": "ko-KR"}


def faults_of(page: Page) -> list[str]:
    """What axe finds. It is evaluated, not loaded, so that the policy of the page stays on."""
    assert AXE.exists(), "axe-core is missing: run `make web`"
    page.evaluate(AXE.read_text())
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found: dict[str, Any] = page.evaluate(
        "(tags) => axe.run(document, {runOnly: {type: 'tag', values: tags},"
        " rules: {'target-size': {enabled: true}}})",
        tags,
    )
    return [
        f"{violation['id']}: {node['target']} {json.dumps(node['any'][:1])[:300]}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


def overflow_of(page: Page) -> int:
    """Pixels that the page is wider than its window."""
    width: int = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return width


LOOKS = [
    *((language, theme, 320) for language in LANGUAGES for theme in ("light", "dark")),
    ("en", "light", 1280),
    ("en", "dark", 1280),
]


@pytest.fixture(params=LOOKS, ids=lambda look: "-".join(map(str, look)))
def page(
    request: pytest.FixtureRequest, shop: Shop, contexts: Callable[..., BrowserContext]
) -> Page:
    """The stock list, in a language, a theme and a width."""
    language, theme, width = request.param
    context = contexts(
        Role.ADMIN,
        locale=LANGUAGES[language],
        color_scheme=theme,
        viewport={"width": width, "height": 720},
    )
    return open_screen(context, f"{shop.url}/console/?q=COFFEE")


def assert_no_barrier(page: Page) -> None:
    page.locator(".loading").wait_for(state="detached")
    assert (page.url, faults_of(page), overflow_of(page)) == (page.url, [], 0)


def test_no_screen_has_a_barrier(shop: Shop, page: Page) -> None:
    for path in SCREENS.values():
        page.goto(shop.url + path)
        page.locator("h1").wait_for()
        assert_no_barrier(page)


def test_item_and_its_dialogs_have_no_barrier(page: Page) -> None:
    page.locator("[data-open]").first.click()
    page.locator(".chart svg").wait_for()
    page.locator(".chart summary").click()
    assert_no_barrier(page)
    assert_no_dialog_has_a_barrier(page, ".screen-head .buttons button")


def test_rejection_and_its_dialogs_have_no_barrier(shop: Shop, page: Page) -> None:
    page.goto(f"{shop.url}/console/rejections")
    page.locator("[data-open]").last.click()
    page.locator(".detail .buttons button").first.wait_for()
    assert_no_barrier(page)
    assert_no_dialog_has_a_barrier(page, ".detail .buttons button")


def assert_no_dialog_has_a_barrier(page: Page, buttons: str) -> None:
    for number in range(page.locator(buttons).count()):
        page.locator(buttons).nth(number).click()
        page.locator("dialog[open]").wait_for()
        assert_no_barrier(page)
        page.keyboard.press("Escape")


def test_proof_without_a_checkpoint_and_with_findings_has_no_barrier(
    shop: Shop, page: Page
) -> None:
    verification = {
        "finishedAt": "2020-01-01T00:00:00Z",
        "events": 12,
        "position": 12,
        "root": "00" * 32,
        "findings": 3,
        "isComplete": False,
    }
    alter(page, "**/tree", checkpoint=None, verifierKeys=[], verification=verification)
    page.goto(f"{shop.url}/console/proof")
    page.locator(".notice.warning").wait_for()
    assert_no_barrier(page)


def test_palette_and_sign_in_have_no_barrier(shop: Shop, page: Page) -> None:
    page.keyboard.press("Control+k")
    page.locator("dialog[open] input").fill("co")
    page.locator("[role=option]").nth(1).wait_for()
    assert_no_barrier(page)
    page.context.clear_cookies()
    page.goto(f"{shop.url}/console/?signIn=failed")
    page.locator("[role=alert]").wait_for()
    assert_no_barrier(page)


@pytest.mark.parametrize("name", ["stock", "journal", "rejections", "files", "proof", "settings"])
def test_text_of_twice_the_size_fits(
    shop: Shop, contexts: Callable[..., BrowserContext], name: str
) -> None:
    context = contexts(Role.ADMIN, viewport={"width": 640, "height": 720})
    page = open_screen(context, shop.url + SCREENS[name])
    page.locator(".loading").wait_for(state="detached")
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert overflow_of(page) == 0


def test_forced_colours_keep_the_chart(shop: Shop, contexts: Callable[..., BrowserContext]) -> None:
    page = open_screen(
        contexts(Role.ADMIN, forced_colors="active"), f"{shop.url}/console/?q=COFFEE"
    )
    page.locator("[data-open]").first.click()
    line = page.locator(".chart .line")
    line.wait_for()
    stroke = line.evaluate("(line) => getComputedStyle(line).stroke")
    back = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert stroke != back
