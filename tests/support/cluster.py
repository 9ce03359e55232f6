"""PostgreSQL clusters of a test's own, to be crashed, filled up and replaced by their standbys."""

import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Self

import psycopg

from tests.support import postgres

DATABASE = "postgres"


class Cluster:
    """One server, which listens on a socket in the folder of its data."""

    def __init__(self, folder: Path, system_user: str | None) -> None:
        self.folder = folder
        self._system_user = system_user

    @property
    def url(self) -> str:
        return url_of(self)

    def start(self, *, max_file_size: int | None = None) -> Self:
        """`max_file_size`, in bytes, is as large as the disk lets any file grow."""
        options = f"-h '' -k {self.folder}"
        limit = max_file_size or resource.RLIM_INFINITY
        self._run(
            "pg_ctl", "-D", self.folder, "-w", "-l", self.folder / "log", "-o", options, "start",
            max_file_size=limit,
        )  # fmt: skip
        return self

    def stop(self, mode: str = "fast") -> None:
        """The mode `immediate` is a crash: nothing is written down any more."""
        if (self.folder / "postmaster.pid").exists():
            self._run("pg_ctl", "-D", self.folder, "-w", "-m", mode, "stop")

    def configure(self, **settings: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            for name, value in settings.items():
                connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
            connection.execute("SELECT pg_reload_conf()")

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def standby(self, folder: Path) -> "Cluster":
        """A running standby that follows this server."""
        standby = Cluster(folder, self._system_user)
        folder.mkdir(mode=0o700)
        if self._system_user is not None:
            shutil.chown(folder, self._system_user)
        self._run("pg_basebackup", "-D", folder, "-d", self.url, "-R", "-c", "fast")
        (folder / ".s.PGSQL.5432.lock").unlink()  # The primary's, which is copied with the rest.
        return standby.start()

    def promote(self) -> None:
        self._run("pg_ctl", "-D", self.folder, "-w", "promote")

    def _run(self, program: str, *arguments: object, max_file_size: int | None = None) -> None:
        limit = max_file_size or resource.RLIM_INFINITY
        subprocess.run(
            [postgres.programs() / program, *map(str, arguments)],
            user=self._system_user,
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
            preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit, limit)),
        )


def url_of(*clusters: Cluster) -> str:
    """The database on any of these servers."""
    hosts = ",".join(str(cluster.folder) for cluster in clusters)
    return f"postgresql://?user=postgres&dbname={DATABASE}&host={hosts}"


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """A new one, which is running."""
    with postgres.embedded(folder, cleanup_mode=None) as server:
        made = Cluster(server.pgdata, server.system_user)
        try:
            yield made
        finally:
            made.stop("immediate")
