"""`stockledger serve`."""

from typing import Annotated

import typer
import uvicorn

from interface.cli.terminal import (
    Database,
    console,
    failures_explained,
    settings_with,
    without_secrets,
)
from interface.composition import compose


def serve(
    database: Database = None,
    host: Annotated[
        str | None, typer.Option(help="Default: STOCKLEDGER_HOST or 127.0.0.1.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Default: STOCKLEDGER_PORT or 8000.")] = None,
    workers: Annotated[
        int | None, typer.Option(help="Server processes. Default: STOCKLEDGER_WORKERS or 1.")
    ] = None,
) -> None:
    """Serve the REST API.

    The API is described at /docs. SIGTERM and Ctrl-C stop it in order: requests that were accepted
    are finished and answered first.
    """
    settings = settings_with(database_url=database, host=host, port=port, workers=workers)
    with failures_explained(), compose(settings):
        pass  # A ledger that can't be opened is said here, in one line, not by each worker.
    settings.export()
    console.print(f"ledger: {without_secrets(settings.database_url)}", highlight=False)
    uvicorn.run(
        "interface.api.app:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        timeout_graceful_shutdown=settings.shutdown_timeout,
    )
