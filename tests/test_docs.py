"""Every file, test and module named in documents, docstrings and comments exists."""

import ast
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.pure

ROOT = Path(__file__).parent.parent
ROOMS = ("application", "benchmarks", "deploy", "docs", "domain", "interface", "tests")

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/*")])
SOURCES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
OTHER = [ROOT / "Makefile", ROOT / "pyproject.toml", ROOT / ".ci" / "run"]

MEDIA_TYPES = r"application/(?:json|ndjson|problem|gzip|octet|pdf|vnd|x-)"
PATH = re.compile(rf"(?<![\w/.-])(?!{MEDIA_TYPES})(?:{'|'.join(ROOMS)})/[\w./-]*[\w/]")
FILE = re.compile(r"`((?:[\w-]+/)*[\w-]+\.py)((?:::\w+)*)`")
MODULE = re.compile(rf"`((?:{'|'.join(ROOMS)})(?:\.[a-z_]\w*)+)`")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def names_in(path: Path) -> set[str]:
    """`Class`, `Class::method` and `function`, as pytest names them."""

    def walk(body: list[ast.stmt], prefix: str) -> Iterator[str]:
        for node in body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{prefix}::{node.name}"
                if isinstance(node, ast.ClassDef):
                    yield from walk(node.body, f"{prefix}::{node.name}")

    return set(walk(ast.parse(path.read_text()).body, ""))


def test_every_path_exists() -> None:
    named = {
        (path, name_of(page))
        for page in [*PAGES, *SOURCES, *OTHER]
        for path in PATH.findall(page.read_text())
    }
    assert len(named) > len(PAGES)
    assert [one for one in sorted(named) if not list(ROOT.glob(f"{one[0].rstrip('/')}*"))] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_file_and_test_in_backticks_exists(page: Path) -> None:
    for path, name in set(FILE.findall(page.read_text())):
        assert (ROOT / path).exists(), path
        assert not name or name in names_in(ROOT / path), f"{path}{name}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_module_in_backticks_exists(page: Path) -> None:
    assert [name for name in MODULE.findall(page.read_text()) if find_spec(name) is None] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text()):
        assert (page.parent / link).exists(), link
