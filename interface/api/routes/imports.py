"""/items/import: an item file of a spreadsheet."""

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


async def _file(request: Request) -> BytesIO:
    return BytesIO(await request.body())


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
    report = imports.run(file, query.options, caller)
    request.state.outcome = f"{report.rows} rows, {report.problem_count} failed"
    return ImportResult.of(report)
