"""Takes the pictures of the README: python -m tests.support.screenshots."""

from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, sync_playwright

from application.access.roles import Role
from harness.browser import launch
from interface import demo_shop
from interface.settings import Settings
from tests.support.browser import key_of, open_screen, sign_in, visit
from tests.support.server import running

FOLDER = Path(__file__).parents[2] / "docs" / "images"
SIZE = {"width": 1280, "height": 760}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        url = f"sqlite:///{folder}/shop.db"
        demo_shop.fill(Settings(database_url=url))
        key = key_of(url, Role.MANAGER, demo_shop.SHOP, demo_shop.STORE, name="mina")
        browser = launch(playwright)
        with (
            running(url, auth=True) as server,
            visit(browser, server.url, viewport=SIZE) as context,
        ):
            sign_in(context, server.url, key)
            _item(open_screen(context, f"{server.url}/console/?q=COFFEE"))
            _rejection(open_screen(context, f"{server.url}/console/rejections"))
        browser.close()


def _item(page: Page) -> None:
    page.locator("[data-open]").first.click()
    page.locator(".chart svg").wait_for()
    _shoot(page, "item")


def _rejection(page: Page) -> None:
    row = page.get_by_role("row").filter(has_text="JAM-PLUM").filter(has_text="Goods out")
    row.get_by_role("link").click()
    page.get_by_role("button", name="Retry with a correction").wait_for()
    _shoot(page, "rejection")


def _shoot(page: Page, name: str) -> None:
    page.get_by_text("Live", exact=True).wait_for()
    page.screenshot(path=FOLDER / f"{name}.png")


if __name__ == "__main__":
    main()
