"""A real browser on a real server, with two months of a shop's life."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from application.access.roles import Role
from interface import demo_shop
from interface.settings import Settings
from tests.support.browser import key_of, launch, open_screen, sign_in, visit
from tests.support.server import Server, running

SHOP, STORE = demo_shop.SHOP, demo_shop.STORE

UNLIMITED = {"STOCKLEDGER_RATE_LIMIT": "100000/minute"}
"""All tests use the same keys."""


@dataclass
class Shop:
    """A server with a filled ledger, and a key of each role."""

    server: Server
    database_url: str
    keys: dict[Role, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.server.url

    def key(self, role: Role) -> str:
        if role not in self.keys:
            self.keys[role] = key_of(self.database_url, role, SHOP, STORE)
        return self.keys[role]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = launch(playwright)
        yield started
        started.close()


@contextmanager
def filled_shop(folder: Path) -> Iterator[Shop]:
    url = f"sqlite:///{folder / 'shop.db'}"
    demo_shop.fill(Settings(database_url=url))
    with running(url, auth=True, environment=UNLIMITED) as server:
        yield Shop(server, url)


@pytest.fixture(scope="session")
def shop(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """For tests that only look, or change what no other test looks at."""
    with filled_shop(tmp_path_factory.mktemp("shop")) as found:
        yield found


Visitor = Callable[..., Page]


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
