"""`stockledger serve`."""

import resource
from typing import Annotated, Final

import typer
import uvicorn

from application.access.key_management import Issued
from interface.api.http_protocol import BoundedHttpProtocol
from interface.cli.exit_codes import failures_explained
from interface.cli.options import Database, settings_with, without_secrets
from interface.cli.terminal import console
from interface.composition import compose
from interface.logs import log_config
from interface.settings import Settings, is_loopback
from interface.signing import key_path, provide_key

FILES_BESIDE_CONNECTIONS: Final = 1_024
"""Open files reserved for the database, at two or three per database connection."""


def serve(
    database: Database = None,
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on. Default: STOCKLEDGER_HOST or 127.0.0.1."),
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on. Default: STOCKLEDGER_PORT or 8000.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Server processes. Default: STOCKLEDGER_WORKERS or 1.")
    ] = None,
    no_auth: Annotated[
        bool,
        typer.Option("--no-auth", help="Turn authentication off, for trials. On loopback only."),
    ] = False,
) -> None:
    """Serve the REST API and the console.

    The first start on a database creates an admin key and prints it once. A ledger of an older
    version is upgraded, as by `stockledger upgrade`. The console is at /console/, the description
    of the API at /docs.

    SIGTERM or Ctrl-C stops the server gracefully: it answers the accepted requests, ends the
    streams, and exits.
    """
    settings = settings_with(
        database_url=database,
        host=host,
        port=port,
        workers=workers,
        auth=False if no_auth else None,
    )
    console.print(f"ledger: {without_secrets(settings.database_url)}")
    # Opened here first, so that a failure is one line, and not a traceback of each worker.
    with failures_explained(), compose(settings, may_upgrade=True) as services:
        first_key = services.keys.create_first() if settings.auth else None
        if settings.seal:
            provide_key(settings)
    if settings.seal and key_path(settings) is None:
        console.print("no checkpoints are signed: STOCKLEDGER_CHECKPOINT_KEY is not set")
    if first_key is not None:
        _show_first_key(first_key, settings)
    _run(settings)


def _run(settings: Settings) -> None:
    """Runs the server until a signal stops it."""
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
    """Raises the limit of open files (RLIMIT_NOFILE), at most to the hard limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + FILES_BESIDE_CONNECTIONS
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


def _show_first_key(issued: Issued, settings: Settings) -> None:
    """Prints the key as plain text: rich would wrap it, and break copy and paste."""
    port = settings.port or "PORT"
    host = settings.host if is_loopback(settings.host) else "127.0.0.1"
    typer.echo(f"admin key, shown only once: {issued.secret}")
    typer.echo(f"console: http://{host}:{port}/console/")
    typer.echo(f"try: curl -H 'Authorization: Bearer {issued.secret}' http://{host}:{port}/items")
