"""The pages for browsers: static files, served from memory.

They are public: they hold no stock, and get all data from the API. Their addresses are known at the
start, so no path of a request is ever looked up in a folder.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from typing import Final, NamedTuple

from fastapi import APIRouter, Response

from interface.api.problems import RequestProblem

CONSOLE: Final = "/console"
"""The address of the console. All addresses below it are screens of the same page."""

ASSETS: Final = "/assets"
"""Scripts and styles. Each has a hash of its content in its name."""

CONSOLE_POLICY: Final = (
    "default-src 'none'; base-uri 'none'; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; img-src 'self'; manifest-src 'self'; script-src 'self'; "
    "style-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""The Content-Security-Policy of the console."""

_MEDIA_TYPES: Final = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}

router = APIRouter(include_in_schema=False)


class File(NamedTuple):
    """A file of the pages."""

    content: bytes
    media_type: str


@router.get("/")
async def home() -> Response:
    address = {"Location": f"{CONSOLE}/"}
    return Response(status_code=HTTPStatus.TEMPORARY_REDIRECT, headers=address)


@router.get(CONSOLE)
@router.get(f"{CONSOLE}/{{screen:path}}")
async def console(screen: str = "") -> Response:
    own = f"{CONSOLE}/{screen}"
    return _answer(own if own in built_files() else f"{CONSOLE}/index.html")


@router.get(f"{ASSETS}/{{name:path}}")
async def asset(name: str) -> Response:
    return _answer(f"{ASSETS}/{name}")


def is_page(path: str) -> bool:
    """Whether a path leads to these files: then it needs no credential."""
    return path in {"/", CONSOLE} or path.startswith((f"{CONSOLE}/", f"{ASSETS}/"))


@cache
def built_files() -> Mapping[str, File]:
    """Reads all files, by path."""
    return dict(_read(files("interface.web").joinpath("static"), PurePosixPath("/")))


def _read(folder: Traversable, path: PurePosixPath) -> Iterator[tuple[str, File]]:
    for entry in folder.iterdir():
        here = path / entry.name
        if entry.is_dir():
            yield from _read(entry, here)
        elif here.suffix in _MEDIA_TYPES:
            yield str(here), File(entry.read_bytes(), _MEDIA_TYPES[here.suffix])


def _answer(path: str) -> Response:
    found = built_files().get(path)
    if found is None:
        raise RequestProblem(HTTPStatus.NOT_FOUND, "NOT_FOUND", "there is no such page")
    return Response(found.content, media_type=found.media_type)
