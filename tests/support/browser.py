"""A real Chromium with the console, and what every page must keep to."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Route

from application.access.audit import Origin
from application.access.key_management import Grant
from application.access.roles import GRANTS, Permission, Role
from domain.actor import Actor
from interface.composition import compose
from interface.settings import Settings


class Watch:
    """Notes what no page may do: errors, violations of its policy, requests to elsewhere."""

    def __init__(self, context: BrowserContext, origin: str) -> None:
        self._origin = urlsplit(origin).netloc
        self.faults: list[str] = []
        context.on("page", self._watch)

    def _watch(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        # An answer that is a problem is logged too; the page shows it in words.
        is_fault = message.type == "error" and not message.text.startswith(
            "Failed to load resource"
        )
        if is_fault or "Content Security Policy" in message.text:
            self.faults.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in {"blob", "data"} and parts.netloc != self._origin:
            self.faults.append(f"request to elsewhere: {request.url}")


@contextmanager
def visit(chromium: Browser, origin: str, **options: Any) -> Iterator[BrowserContext]:
    """A browser of its own, without cookies. Fails at the end if a page did what none may do."""
    settings = {"locale": "en-GB", "timezone_id": "Europe/Berlin"} | options
    context = chromium.new_context(**settings)
    context.set_default_timeout(10_000)
    watch = Watch(context, origin)
    try:
        yield context
    finally:
        context.close()
    assert watch.faults == []


def key_of(database_url: str, role: Role, *locations: str, name: str | None = None) -> str:
    """Creates a key."""
    places = () if Permission.EVERYWHERE in GRANTS[role] else locations
    with compose(Settings(database_url=database_url)) as services:
        grant = Grant(name=name or f"a {role}", role=role, locations=places)
        return services.keys.create(grant, Origin(Actor("the boss"))).secret


def sign_in(context: BrowserContext, origin: str, key: str) -> None:
    """Signs the browser in, as the page does."""
    answer = context.request.post(
        f"{origin}/session",
        headers={"Authorization": f"Bearer {key}", "Sec-Fetch-Site": "same-origin"},
    )
    assert answer.status == 201, answer.text()


def open_screen(context: BrowserContext, url: str) -> Page:
    """Opens a screen, and waits for its heading."""
    page = context.new_page()
    page.goto(url)
    page.locator("h1").wait_for()
    return page


def alter(page: Page, pattern: str, **changed: Any) -> None:
    """Lets an answer of the server arrive with other fields."""

    def altered(route: Route) -> None:
        # Requests of the driver itself look like those of another site.
        answer = route.fetch(headers=route.request.headers | {"sec-fetch-site": "same-origin"})
        route.fulfill(response=answer, json=answer.json() | changed)

    page.route(pattern, altered)


_SCAN = """async ([keys, pace]) => {
  for (const key of keys) {
    const target = document.activeElement ?? document.body;
    target.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true}));
    await new Promise((done) => setTimeout(done, pace));
  }
}"""


def scan(page: Page, code: str, pace: int = 10) -> None:
    """Types a code like a scanner, with Enter at its end. In the page, because the keyboard of the
    driver makes pauses on a busy machine. `pace`: milliseconds between two keys."""
    page.evaluate(_SCAN, [[*code, "Enter"], pace])
