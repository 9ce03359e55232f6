"""The stock list of the console with few and with many items: python -m benchmarks.console.

The times are those of a real browser on this machine. Read the ratios.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, sync_playwright

from application.access.principal import ANONYMOUS
from application.parsing.batch import parse_batch
from benchmarks.http import serving
from harness.browser import launch
from interface.composition import compose
from interface.settings import Settings

FEW, MANY = 100, 100_000
ITEMS_PER_BATCH = 5_000
REPEATS = 7

LONGEST_TASK = """() => new Promise((done) => {
  let longest = 0;
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) longest = Math.max(longest, entry.duration);
  });
  observer.observe({entryTypes: ["longtask"]});
  let place = 0;
  const step = () => {
    place += 200;
    window.scrollTo(0, place);
    if (place < document.documentElement.scrollHeight) requestAnimationFrame(step);
    else setTimeout(() => { observer.disconnect(); done(longest); }, 100);
  };
  requestAnimationFrame(step);
})"""
"""Scrolls through the page. Milliseconds of the longest task meanwhile; 0 if none took 50."""


def main() -> None:
    print("| stock list, 500 rows a page | 100 items | 100,000 items | ratio |")
    print("| --- | --- | --- | --- |")
    results = [measure(number) for number in (FEW, MANY)]
    for name, few in results[0].items():
        many = results[1][name]
        print(f"| {name} | {few:.0f} ms | {many:.0f} ms | {many / few if few else 1:.1f} |")


def measure(number: int) -> dict[str, float]:
    """Milliseconds by step: medians."""
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        url = f"sqlite:///{Path(folder) / 'ledger.db'}"
        fill(url, number)
        with serving(url, STOCKLEDGER_AUTH="false") as server:
            page = launch(playwright).new_page(locale="en-GB")
            return steps(page, f"{server}/console/")


def steps(page: Page, url: str) -> dict[str, float]:
    page.goto(url)
    page.evaluate(
        "localStorage.setItem('stockledger-settings', JSON.stringify({rows: 500, language: 'en'}))"
    )
    return {
        "open": median(lambda: opened(page, url)),
        "search": median(lambda: searched(page, url)),
        "longest task while scrolling": page.evaluate(LONGEST_TASK),
    }


def opened(page: Page, url: str) -> None:
    page.goto(url)
    page.locator("[data-row]").first.wait_for()


def searched(page: Page, url: str) -> None:
    page.goto(f"{url}?q=SKU-000042")
    page.get_by_role("link", name="SKU-000042").wait_for()


def median(step: Callable[[], None]) -> float:
    def timed() -> float:
        start = time.perf_counter()
        step()
        return (time.perf_counter() - start) * 1000

    return statistics.median(timed() for _ in range(REPEATS))


def fill(url: str, number: int) -> None:
    with compose(Settings(database_url=url)) as services:
        for start in range(0, number, ITEMS_PER_BATCH):
            end = min(number, start + ITEMS_PER_BATCH)
            items = [
                {"location": "main", "sku": f"SKU-{n:06}", "name": f"Item {n}", "unit": "piece"}
                for n in range(start, end)
            ]
            services.sync.submit(parse_batch([], items=items), ANONYMOUS).result()


if __name__ == "__main__":
    main()
