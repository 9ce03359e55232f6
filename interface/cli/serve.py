"""`stockledger serve`."""

import resource
from typing import Annotated, Final

import typer
import uvicorn

from application.access.keys import Issued
from interface.api.http_protocol import BoundedHttpProtocol
from interface.cli.terminal import (
    Database,
    console,
    failures_explained,
    settings_with,
    without_secrets,
)
from interface.composition import compose
from interface.logs import log_config
from interface.settings import Settings, is_loopback

FILES_BESIDE_CONNECTIONS: Final = 1_024
"""Files that a process may have open besides: the database's, each two or three a connection."""


def serve(
    database: Database = None,
    host: Annotated[
        str | None, typer.Option(help="Default: STOCKLEDGER_HOST or 127.0.0.1.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Default: STOCKLEDGER_PORT or 8000.")] = None,
    workers: Annotated[
        int | None, typer.Option(help="Server processes. Default: STOCKLEDGER_WORKERS or 1.")
    ] = None,
    no_auth: Annotated[
        bool, typer.Option("--no-auth", help="Ask nobody who they are: on loopback, to try things.")
    ] = False,
) -> None:
    """Serve the REST API.

    The first start on a database makes an admin's key and shows it once. A ledger of an older
    version is brought up to date, as by `stockledger upgrade`. The API is described at /docs.

    SIGTERM and Ctrl-C stop the server in order: requests that were accepted are finished and
    answered first, streams end.
    """
    settings = settings_with(
        database_url=database,
        host=host,
        port=port,
        workers=workers,
        auth=False if no_auth else None,
    )
    console.print(f"ledger: {without_secrets(settings.database_url)}")
    # A ledger that can't be opened is said here, in one line, not by each worker.
    with failures_explained(), compose(settings, may_upgrade=True) as services:
        first = services.keys.create_first() if settings.auth else None
    if first is not None:
        _show_first(first, settings)
    _run(settings)


def _run(settings: Settings) -> None:
    """Until a signal ends it."""
    settings.export()
    _allow_open_files(settings.max_connections)
    uvicorn.run(
        "interface.api.app:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        timeout_graceful_shutdown=settings.shutdown_timeout,
        http=BoundedHttpProtocol,
        timeout_keep_alive=settings.idle_timeout,
        limit_concurrency=settings.max_connections,
        forwarded_allow_ips=settings.trusted_proxies,
        log_config=log_config(settings.log_format),
        access_log=False,
        server_header=False,
    )


def _allow_open_files(connections: int) -> None:
    """As many as the connections need, as far as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + FILES_BESIDE_CONNECTIONS
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


def _show_first(issued: Issued, settings: Settings) -> None:
    """As plain text: what is to be pasted must not be wrapped."""
    port = settings.port or "PORT"
    host = settings.host if is_loopback(settings.host) else "127.0.0.1"
    typer.echo(f"admin key, shown this once: {issued.secret}")
    typer.echo(f"try: curl -H 'Authorization: Bearer {issued.secret}' http://{host}:{port}/items")
