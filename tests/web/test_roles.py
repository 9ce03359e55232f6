"""Each role sees what it may do, and nothing else."""

import pytest
from playwright.sync_api import expect

from application.access.roles import Role
from tests.support.shop import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]

EVERYBODY = {
    "Stock",
    "Low stock",
    "Journal",
    "Rejections",
    "Stock-takes",
    "Import and export",
    "Proof",
    "Settings",
}
MENU = {
    Role.DEVICE: EVERYBODY,
    Role.CLERK: EVERYBODY,
    Role.MANAGER: EVERYBODY,
    Role.AUDITOR: EVERYBODY | {"Audit trail"},
    Role.ADMIN: EVERYBODY | {"Audit trail", "Keys and devices"},
}
ON_AN_ITEM = {
    Role.DEVICE: set[str](),
    Role.CLERK: {"Record a count"},
    Role.MANAGER: {"Record a count", "Record a correction", "Edit", "Discontinue"},
    Role.AUDITOR: set[str](),
    Role.ADMIN: {"Record a count", "Record a correction", "Edit", "Discontinue"},
}


@pytest.mark.parametrize("role", Role)
def test_role_sees_what_it_may(role: Role, screen: Visitor) -> None:
    page = screen("/console/?q=TEA-EARL", role)
    links = page.get_by_role("navigation").get_by_role("link").all_inner_texts()
    assert {link.split("\n")[0] for link in links} == MENU[role]
    assert (page.get_by_role("button", name="Register an item").count() > 0) == (
        role in {Role.MANAGER, Role.ADMIN}
    )
    page.get_by_role("link", name="TEA-EARL").click()
    page.get_by_role("heading", name="History").wait_for()
    actions = page.locator(".screen-head .buttons button").all_inner_texts()
    assert {*actions} == ON_AN_ITEM[role]
    may_undo = page.get_by_role("button", name="Undo").count() > 0
    assert may_undo == (role in {Role.MANAGER, Role.ADMIN})


@pytest.mark.parametrize("role", Role)
def test_every_role_may_prove(role: Role, screen: Visitor) -> None:
    page = screen("/console/journal", role)
    with page.expect_download():
        page.get_by_role("button", name="Download proof").first.click()
    page = screen("/console/proof", role)
    expect(page.get_by_role("heading", name="Newest checkpoint")).to_be_visible()


@pytest.mark.parametrize("role", [Role.DEVICE, Role.CLERK, Role.AUDITOR])
def test_who_may_not_decide_only_reads_the_rejections(role: Role, screen: Visitor) -> None:
    page = screen("/console/rejections", role)
    page.get_by_role("link", name="JAM-PLUM").first.click()
    detail = page.get_by_role("region", name="The entry")
    expect(detail).to_be_visible()
    assert detail.get_by_role("button").all_inner_texts() == ["Close"]
    assert page.get_by_role("checkbox").count() == 0


@pytest.mark.parametrize(
    ("path", "role"), [("/console/keys", Role.MANAGER), ("/console/audit", Role.CLERK)]
)
def test_screen_of_another_role_says_so(path: str, role: Role, screen: Visitor) -> None:
    expect(screen(path, role).get_by_text("Your role may not see this")).to_be_visible()
