"""/items/import: an item file of a spreadsheet."""

from dataclasses import replace
from email.message import Message
from http import HTTPStatus
from io import BytesIO
from typing import Annotated, Any, Final

from fastapi import Depends, Query, Request

from interface.api.dependencies import CanManageItems, Imports
from interface.api.problems import documented
from interface.api.route_classes import strict_router
from interface.api.schemas.files import ImportQuery, ImportResult

router = strict_router(tags=["items"])

_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"text/csv": {"schema": {"type": "string", "format": "binary"}}},
    }
}


_DEFAULT_CHARSETS: Final = frozenset({"utf-8", "utf8"})
"""What many clients name without a look at the file. It is also what the file is taken for."""


async def _file(request: Request) -> BytesIO:
    return BytesIO(await request.body())


def _charset(request: Request) -> str | None:
    """Returns the encoding that the Content-Type names (RFC 9110, 8.3.2); None if it is UTF-8."""
    header = Message()
    header["Content-Type"] = request.headers.get("Content-Type", "")
    charset = header.get_content_charset()
    return None if charset in _DEFAULT_CHARSETS else charset


@router.post(
    "/items/import",
    summary="Import items from a CSV file",
    responses=documented(HTTPStatus.UNPROCESSABLE_ENTITY),
    openapi_extra=_BODY,
)
def import_items(
    request: Request,
    file: Annotated[BytesIO, Depends(_file)],
    query: Annotated[ImportQuery, Query()],
    imports: Imports,
    caller: CanManageItems,
) -> ImportResult:
    """Registers the items of the file, with their codes and their opening stock.

    A row that cannot be recorded is listed under `problems`, with its line. The others are
    recorded. The same file twice records everything once.
    """
    options = query.options
    encoding = options.csv.encoding or _charset(request)
    report = imports.run(
        file, replace(options, csv=replace(options.csv, encoding=encoding)), caller
    )
    request.state.outcome = f"{report.rows} rows, {report.problem_count} failed"
    return ImportResult.of(report)
