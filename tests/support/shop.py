"""A shop with two months of life, on a real server, for the browser."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Page

from application.access.roles import Role
from interface import demo_shop
from interface.settings import Settings
from tests.support.browser import key_of
from tests.support.server import Server, running

SHOP, STORE = demo_shop.SHOP, demo_shop.STORE

UNLIMITED = {"STOCKLEDGER_RATE_LIMIT": "100000/minute"}
"""All tests use the same keys."""

Visitor = Callable[..., Page]
"""Opens a screen for a role: (path, role, **options of the browser)."""


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


@contextmanager
def filled_shop(folder: Path) -> Iterator[Shop]:
    url = f"sqlite:///{folder / 'shop.db'}"
    demo_shop.fill(Settings(database_url=url))
    with running(url, auth=True, environment=UNLIMITED) as server:
        yield Shop(server, url)
