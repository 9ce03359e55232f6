"""/docs: the API documentation for people, served from local files only.

A shop's server may have no internet access, so the page loads nothing from other hosts. The files
of Swagger UI come from the package fastapi-swagger; nothing else of this package is used.
"""

from collections.abc import Mapping
from importlib.resources import files
from typing import Final

from fastapi import APIRouter, Response
from starlette.concurrency import run_in_threadpool

PAGE: Final = "/docs"

POLICY: Final = (
    "default-src 'none'; connect-src 'self'; frame-ancestors 'none'; img-src 'self' data:; "
    "script-src 'self'; style-src 'self'"
)
"""The Content-Security-Policy of the page."""

_HTML: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>stockledger API</title>
<link rel="icon" href="/docs/favicon.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""

_START: Final = """SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  persistAuthorization: false,
  validatorUrl: null,
});
"""

_FILES: Final[Mapping[str, tuple[str, str]]] = {
    "swagger-ui-bundle.js": ("swagger-ui-bundle.js", "text/javascript"),
    "swagger-ui.css": ("swagger-ui.css", "text/css"),
    "favicon.png": ("favicon-32x32.png", "image/png"),
}
"""Paths below the page, each with the package's file and its media type."""

PATHS: Final = frozenset({PAGE, f"{PAGE}/start.js", *(f"{PAGE}/{name}" for name in _FILES)})

router = APIRouter(include_in_schema=False)


@router.get(PAGE)
async def page() -> Response:
    return Response(_HTML, media_type="text/html")


@router.get(f"{PAGE}/start.js")
async def start() -> Response:
    return Response(_START, media_type="text/javascript")


def _add_file(path: str, name: str, media_type: str) -> None:
    @router.get(path, name=name)
    async def file() -> Response:
        found = files("fastapi_swagger").joinpath("resources", name)
        return Response(await run_in_threadpool(found.read_bytes), media_type=media_type)


for _path, (_name, _type) in _FILES.items():
    _add_file(f"{PAGE}/{_path}", _name, _type)
