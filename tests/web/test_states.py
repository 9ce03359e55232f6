"""What a screen says when it is empty, full, refused or broken."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Route, expect

from application.access.roles import Role
from application.parsing.batch import parse_batch
from interface.composition import compose
from interface.settings import Settings
from tests.support.browser import key_of, open_screen, sign_in, visit
from tests.support.builders import CLERK
from tests.support.server import running
from tests.support.shop import UNLIMITED, Shop, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]

EMPTY = {
    "/console/": "No items yet",
    "/console/low-stock": "All items are above their safety stock",
    "/console/low-stock?tab=negative": "No item is below zero",
    "/console/journal": "Nothing is recorded yet",
    "/console/rejections": "Nothing waits",
    "/console/stock-takes": "No counts in this time",
    "/console/proof": "No checkpoint is signed yet",
}

FAILING: dict[str, str | re.Pattern[str]] = {
    "/console/": "**/items?**",
    "/console/low-stock": "**/items?**",
    "/console/journal": "**/movements?**",
    "/console/rejections": "**/sync/rejections?**",
    "/console/stock-takes": "**/movements?**",
    "/console/proof": "**/tree",
    "/console/audit": "**/audit?**",
    "/console/keys": re.compile(r"//[^/]+/keys$"),
}


@pytest.fixture(scope="module")
def empty(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    url = f"sqlite:///{tmp_path_factory.mktemp('empty') / 'ledger.db'}"
    with running(url, auth=True, environment=UNLIMITED) as server:
        yield Shop(server, url)


@pytest.fixture
def context(browser: Browser, empty: Shop) -> Iterator[BrowserContext]:
    with visit(browser, empty.url) as found:
        sign_in(found, empty.url, empty.key(Role.ADMIN))
        yield found


@pytest.mark.parametrize("path", EMPTY)
def test_empty_screen_says_so(context: BrowserContext, empty: Shop, path: str) -> None:
    page = open_screen(context, empty.url + path)
    expect(page.get_by_text(EMPTY[path])).to_be_visible()


@pytest.mark.parametrize("path", ["/console/?q=x", "/console/journal?type=VOID&from=2020-01-01"])
def test_filter_that_matches_nothing_can_be_cleared(
    context: BrowserContext, empty: Shop, path: str
) -> None:
    page = open_screen(context, empty.url + path)
    expect(page.get_by_text("Nothing matches these filters")).to_be_visible()
    page.get_by_role("button", name="Clear the filters").click()
    expect(page.get_by_text("Nothing matches these filters")).to_be_hidden()


@pytest.mark.parametrize("path", FAILING)
def test_fault_of_the_server_is_told_and_can_be_retried(screen: Visitor, path: str) -> None:
    page = screen("/console/settings", Role.ADMIN)

    def fail(route: Route) -> None:
        problem = '{"code": "INTERNAL_ERROR", "detail": "internal error", "status": 500}'
        route.fulfill(status=500, content_type="application/problem+json", body=problem)

    page.route(FAILING[path], fail)
    page.goto(page.url.replace("/console/settings", path))
    expect(page.get_by_text("This could not be loaded")).to_be_visible()
    page.unroute(FAILING[path])
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("[data-row], .facts").first).to_be_visible()


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, "<html>Welcome to our Wi-Fi</html>"), (502, "bad gateway"), (200, "")],
)
def test_answer_of_something_between_is_no_connection(
    screen: Visitor, status: int, body: str
) -> None:
    page = screen("/console/settings")
    page.route(
        "**/movements?**",
        lambda route: route.fulfill(status=status, content_type="text/html", body=body),
    )
    page.goto(page.url.replace("settings", "journal"))
    expect(page.get_by_text("There is no connection to the server")).to_be_visible()
    page.unroute("**/movements?**")
    expect(page.locator("[data-row]").first).to_be_visible()


@pytest.mark.parametrize(
    "query",
    [
        "from=banana&to=2020-99-99",
        "type=NOTHING",
        "location=elsewhere",
        "cursor=!!!",
        "row=nobody&status=strange",
        "tab=7&period=9&show=all&q=%00%F0%9F%92%A5",
    ],
)
@pytest.mark.parametrize("path", ["/console/", "/console/journal", "/console/rejections"])
def test_odd_address_breaks_nothing(screen: Visitor, path: str, query: str) -> None:
    page = screen(f"{path}?{query}")
    page.locator("[data-row], .notice").first.wait_for()
    expect(page.get_by_role("navigation")).to_be_visible()


def test_long_list_has_pages(browser: Browser, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    items = [
        {"location": "main", "sku": f"SKU-{n:04}", "name": f"Item {n}", "unit": "piece"}
        for n in range(1_200)
    ]
    with compose(Settings(database_url=url)) as services:
        services.sync.submit(parse_batch([], items=items), CLERK).result()
    key = key_of(url, Role.MANAGER, "main")
    with running(url, auth=True) as server, visit(browser, server.url) as context:
        sign_in(context, server.url, key)
        page = open_screen(context, f"{server.url}/console/settings")
        page.get_by_label("Rows per page").select_option("500")
        page.get_by_role("link", name="Stock", exact=True).click()
        expect(page.locator("[data-row]")).to_have_count(500)
        for shown in (500, 200):
            page.get_by_role("button", name="Next page").click()
            expect(page.locator("[data-row]")).to_have_count(shown)
        expect(page.get_by_role("rowheader").last).to_have_text("SKU-1199")
        expect(page.get_by_role("button", name="Next page")).to_have_count(0)
        page.go_back()
        expect(page.locator("[data-row]")).to_have_count(500)
        page.get_by_label("Search by SKU or name").fill("SKU-0007")
        expect(page.get_by_role("rowheader")).to_have_text(["SKU-0007"])
