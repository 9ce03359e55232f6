"""Pages of other origins can do nothing with the session of a signed-in browser."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2
import pytest
from playwright.sync_api import Browser, BrowserContext

from application.access.roles import Role
from tests.support.browser import sign_in
from tests.support.shop import SHOP, Shop

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ITEM = {"location": SHOP, "sku": "EVIL", "name": "Evil", "unit": "piece"}

ATTACK = """
const target = %(target)s;
const item = %(item)s;
async function attack() {
  const results = [];
  const attempts = {
    read: () => fetch(target + "/items", {credentials: "include"}),
    write: () => fetch(target + "/items", {method: "POST", credentials: "include", body: item,
      headers: {"Content-Type": "application/json"}}),
    simple: () => fetch(target + "/items", {method: "POST", credentials: "include", body: item,
      headers: {"Content-Type": "text/plain"}, mode: "no-cors"}),
    signOut: () => fetch(target + "/session", {method: "DELETE", credentials: "include"}),
  };
  for (const [name, attempt] of Object.entries(attempts)) {
    try { const answer = await attempt(); results.push(name + " " + answer.type + answer.status); }
    catch { results.push(name + " blocked"); }
  }
  await new Promise((done) => {
    const image = new Image();
    image.onload = image.onerror = done;
    image.src = target + "/items?image";
  });
  await new Promise((done) => {
    const stream = new EventSource(target + "/sync/stream", {withCredentials: true});
    stream.onerror = () => { stream.close(); done(); };
    stream.onopen = () => { results.push("stream open"); stream.close(); done(); };
  });
  const form = document.createElement("form");
  form.method = "post";
  form.enctype = "text/plain";
  form.action = target + "/items";
  form.target = "frame";
  const field = document.createElement("input");
  field.name = item;
  form.append(field);
  document.body.append(form);
  form.submit();
  await new Promise((done) => setTimeout(done, 500));
  return results;
}
"""


@pytest.fixture
def elsewhere(shop: Shop) -> Iterator[str]:
    """A page on another port: another origin, of the same site. A stranger's site may do less."""
    script = ATTACK % {"target": json.dumps(shop.url), "item": json.dumps(json.dumps(ITEM))}
    page = f'<!doctype html><iframe name="frame"></iframe><script>{script}</script>'

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def context(browser: Browser, shop: Shop) -> Iterator[BrowserContext]:
    context = browser.new_context()
    sign_in(context, shop.url, shop.key(Role.ADMIN))
    yield context
    context.close()


def test_page_of_another_origin_can_do_nothing(
    shop: Shop, context: BrowserContext, elsewhere: str
) -> None:
    statuses: list[tuple[str, int]] = []
    context.on(
        "response",
        lambda one: (
            statuses.append((one.url.removeprefix(shop.url), one.status))
            if one.url.startswith(shop.url)
            else None
        ),
    )
    page = context.new_page()
    page.goto(elsewhere)
    results = page.evaluate("attack()")
    assert results == ["read blocked", "write blocked", "simple opaque0", "signOut blocked"]
    assert [pair for pair in statuses if pair[1] < 400] == []
    admin = {"Authorization": f"Bearer {shop.key(Role.ADMIN)}"}
    found = httpx2.get(f"{shop.url}/items?sku=EVIL", headers=admin).json()["items"]
    assert found == []
    own = context.new_page()
    own.goto(f"{shop.url}/console/")
    own.get_by_role("heading", name="Stock", exact=True).wait_for()


def test_console_is_shown_in_no_frame(shop: Shop, context: BrowserContext, elsewhere: str) -> None:
    page = context.new_page()
    page.goto(elsewhere)
    page.evaluate("(address) => { frame.location = address }", f"{shop.url}/console/")
    page.wait_for_timeout(500)
    frame = page.frames[1]
    assert "stockledger" not in frame.content()


def test_text_of_devices_is_text(shop: Shop, contexts: Callable[..., BrowserContext]) -> None:
    """Names, notes and codes come from strangers."""
    markup = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
    admin = {"Authorization": f"Bearer {shop.key(Role.ADMIN)}"}
    item = {"location": SHOP, "sku": markup, "name": markup, "unit": markup[:20]}
    made = httpx2.post(f"{shop.url}/items", json=item, headers=admin).raise_for_status().json()
    movement = {
        "localId": "3b9f0d0e-5c0f-4b3c-9a51-0f8f6f2f7a11",
        "type": "INBOUND",
        "quantity": 1,
        "note": markup,
        "reference": markup,
    }
    httpx2.post(
        f"{shop.url}/items/{made['itemId']}/movements", json=movement, headers=admin
    ).raise_for_status()
    context = contexts(Role.MANAGER)
    for path in (f"/console/items/{made['itemId']}", "/console/journal", "/console/?q=onerror"):
        page = context.new_page()
        page.goto(shop.url + path)
        page.get_by_text(markup).first.wait_for()
        assert page.locator("main img[src], main script").count() == 0
        assert page.title() not in {"1", "2"}
