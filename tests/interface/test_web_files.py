"""The files of the console: what is served, how it is cached, and how much it is."""

import gzip
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from interface.api.app import create_app
from interface.api.routes.web import built_files
from interface.settings import Settings

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "interface" / "web" / "static"
FIRST_LOAD_BYTES = 150_000


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[TestClient]:
    settings = Settings(database_url=f"sqlite:///{tmp_path / 'ledger.db'}")
    with TestClient(create_app(settings)) as api:
        yield api


def test_console_needs_no_key(guarded: TestClient) -> None:
    assert guarded.get("/", follow_redirects=False).headers["Location"] == "/console/"
    pages = [guarded.get(path).text for path in ("/", "/console", "/console/", "/console/items/7")]
    assert len({*pages}) == 1
    assert "<div id=" in pages[0]


def test_page_loads_files_of_this_server_alone(guarded: TestClient) -> None:
    page = guarded.get("/console/")
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert "require-trusted-types-for 'script'" in page.headers["Content-Security-Policy"]
    assert not re.search(r"<script>|<style|style=|\son\w+=", page.text)
    parts = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(parts) >= 4
    for part in parts:
        assert part.startswith("/")
        assert guarded.get(part).status_code == 200


def test_files_with_a_hash_are_kept_and_pages_are_asked_for_again(guarded: TestClient) -> None:
    page = guarded.get("/console/")
    assert page.headers["Cache-Control"] == "private, no-cache"
    again = guarded.get("/console/", headers={"If-None-Match": page.headers["ETag"]})
    assert again.status_code == 304
    for path in built_files():
        if path.startswith("/assets/"):
            answer = guarded.get(path)
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/assets/",
        "/assets/console.js",
        "/assets/..%2f..%2f..%2f__init__.py",
        "/assets/%2e%2e/%2e%2e/__init__.py",
        "/assets//etc/passwd",
        "/assets",
        "/consol",
        "/consoles",
    ],
)
def test_nothing_else_is_served(guarded: TestClient, path: str) -> None:
    assert guarded.get(path).status_code in {401, 404}


def test_first_load_is_small() -> None:
    first = [path for path in STATIC.rglob("*") if path.suffix in {".html", ".js", ".css", ".svg"}]
    assert sum(len(gzip.compress(path.read_bytes())) for path in first) < FIRST_LOAD_BYTES


def test_nothing_wipes_the_storage_of_the_browser() -> None:
    """`Clear-Site-Data: "storage"` would take unsent work from the devices of the same origin."""
    code = [*(ROOT / "interface").rglob("*.py"), *(ROOT / "web" / "src").rglob("*.ts*")]
    assert [path for path in code if "clear-site-data" in path.read_text().lower()] == []


@pytest.mark.slow
def test_wheel_carries_the_console_and_no_sources(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "--wheel-dir", str(tmp_path), str(ROOT)],
        check=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    wanted = {f"interface/web/static{path}" for path in built_files()}
    assert wanted <= {*names}
    assert [name for name in names if name.startswith("web/") or "node_modules" in name] == []
