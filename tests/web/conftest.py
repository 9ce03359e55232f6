"""A real browser on a real server, with two months of a shop's life."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from application.access.roles import Role
from harness.browser import launch
from tests.support.browser import open_screen, sign_in, visit
from tests.support.shop import Shop, Visitor, filled_shop


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = launch(playwright)
        yield started
        started.close()


@pytest.fixture(scope="session")
def shop(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """For tests that only look, or change what no other test looks at."""
    with filled_shop(tmp_path_factory.mktemp("shop")) as found:
        yield found


@pytest.fixture
def contexts(browser: Browser, shop: Shop) -> Iterator[Callable[..., BrowserContext]]:
    """A function that opens a browser for a role, signed in."""
    with ExitStack() as stack:

        def enter(role: Role | None = Role.MANAGER, **options: Any) -> BrowserContext:
            context = stack.enter_context(visit(browser, shop.url, **options))
            if role is not None:
                sign_in(context, shop.url, shop.key(role))
            return context

        yield enter


@pytest.fixture
def screen(shop: Shop, contexts: Callable[..., BrowserContext]) -> Visitor:
    """A function that opens a screen for a role."""

    def show(path: str = "/console/", role: Role = Role.MANAGER, **options: Any) -> Page:
        return open_screen(contexts(role, **options), shop.url + path)

    return show
