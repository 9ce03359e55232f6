"""Sign-in and sign-out in the browser."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from application.access.roles import Role
from interface.composition import compose
from interface.settings import Settings
from tests.support.access import ADMIN
from tests.support.browser import key_of, open_screen, sign_in, visit
from tests.support.identity_provider import identity_provider
from tests.support.server import running
from tests.support.shop import SHOP, Shop, Visitor

pytestmark = pytest.mark.browser

Contexts = Callable[..., BrowserContext]


def enter(page: Page, key: str) -> None:
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Sign in").click()


def test_person_signs_in_and_lands_where_the_link_led(shop: Shop, contexts: Contexts) -> None:
    page = contexts(None).new_page()
    page.goto(f"{shop.url}/console/journal?type=COUNT")
    enter(page, shop.key(Role.MANAGER))
    expect(page.get_by_role("heading", name="Journal")).to_be_visible()
    expect(page.get_by_label("Type")).to_have_value("COUNT")


def test_key_is_kept_nowhere_in_the_page(shop: Shop, contexts: Contexts) -> None:
    context = contexts(None)
    page = context.new_page()
    page.goto(f"{shop.url}/console/")
    key = shop.key(Role.MANAGER)
    enter(page, key)
    page.get_by_role("heading", name="Stock", exact=True).wait_for()
    kept = page.evaluate(
        "() => document.documentElement.outerHTML + document.cookie + location.href"
        " + JSON.stringify({...localStorage}) + JSON.stringify({...sessionStorage})"
    )
    assert key not in kept
    assert "sls_" not in kept
    (cookie,) = context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    stored = page.evaluate("async () => JSON.stringify(await indexedDB.databases())")
    assert stored == "[]"


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("a word", "This is not an API key"),
        ("slk_0123456789_0123456789012345678901234567890123456789", "This is not an API key"),
    ],
)
def test_wrong_key_is_told_with_what_to_do(
    shop: Shop, contexts: Contexts, key: str, reason: str
) -> None:
    page = contexts(None).new_page()
    page.goto(f"{shop.url}/console/")
    enter(page, key)
    expect(page.get_by_role("alert")).to_contain_text(reason)
    expect(page.get_by_label("API key")).to_have_value("")


def test_revoked_key_is_told(shop: Shop, contexts: Contexts) -> None:
    key = key_of(shop.database_url, Role.CLERK, SHOP)
    with compose(Settings(database_url=shop.database_url)) as services:
        services.keys.revoke(key.split("_")[1], ADMIN)
    page = contexts(None).new_page()
    page.goto(f"{shop.url}/console/")
    enter(page, key)
    expect(page.get_by_role("alert")).to_contain_text("This key was revoked")


def test_sign_out_leads_back(screen: Visitor) -> None:
    page = screen("/console/settings")
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_label("API key")).to_be_visible()
    page.reload()
    expect(page.get_by_label("API key")).to_be_visible()


def test_session_that_ends_asks_over_what_is_typed(shop: Shop, contexts: Contexts) -> None:
    """Nothing that was typed is lost."""
    key = key_of(shop.database_url, Role.MANAGER, SHOP)
    context = contexts(None)
    sign_in(context, shop.url, key)
    page = open_screen(context, f"{shop.url}/console/")
    page.get_by_role("button", name="Register an item").click()
    dialog = page.get_by_role("dialog", name="Register an item")
    dialog.get_by_label("SKU").fill("LAMP-1")
    dialog.get_by_label("Name").fill("Lamp")
    dialog.get_by_label("Unit").fill("piece")
    dialog.get_by_label("Location").fill(SHOP)
    context.clear_cookies()
    dialog.get_by_role("button", name="Save").click()
    again = page.get_by_role("dialog", name="Sign in again")
    expect(again).to_contain_text("Your session has ended")
    again.get_by_label("API key").fill(key)
    again.get_by_role("button", name="Sign in").click()
    expect(again).to_be_hidden()
    expect(dialog.get_by_label("SKU")).to_have_value("LAMP-1")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("status").filter(has_text="registered")).to_be_visible()


def test_person_signs_in_with_an_account(browser: Browser, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with identity_provider() as provider:
        settings = provider.settings(database_url=url)
        environment = {
            f"STOCKLEDGER_{name.upper()}": str(getattr(settings, name))
            for name in (
                "oidc_issuer",
                "oidc_audience",
                "oidc_jwks_url",
                "oidc_client_id",
                "oidc_client_secret",
            )
        }
        with running(url, auth=True, environment=environment) as server:
            context = browser.new_context(locale="en-GB")
            page = context.new_page()
            page.goto(f"{server.url}/console/journal")
            page.get_by_role("link", name="Sign in with your account").click()
            expect(page.get_by_role("heading", name="Journal")).to_be_visible()
            expect(page.get_by_text("kim · Auditor")).to_be_visible()
            context.close()


def test_language_of_the_browser_is_the_first(browser: Browser, shop: Shop) -> None:
    with visit(browser, shop.url, locale="ko-KR") as context:
        page = context.new_page()
        page.goto(f"{shop.url}/console/")
        expect(page.get_by_label("API 키")).to_be_visible()
        page.get_by_role("button", name="English").click()
        expect(page.get_by_label("API key")).to_be_visible()
        page.reload()
        expect(page.get_by_label("API key")).to_be_visible()
