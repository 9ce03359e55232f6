"""A ledger in a file that seals on request, with its API in this process."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import httpx2
from fastapi.testclient import TestClient

from application.ledger.ledger import Ledger
from application.persistence import environment
from application.sealing.identity import origin_of, read_identity
from application.sealing.key_file import create_key
from application.sealing.rotation import declare, rotate_key
from application.sealing.signer import SigningKey
from application.tables.properties import EPOCH, PROPERTIES, Property
from application.tables.table import Upsert
from application.tables.tree import DeclarationKind
from interface.api.app import create_app
from interface.composition import Services
from interface.settings import Settings
from proof.checkpoint import Checkpoint
from proof.declarations import RestoreDeclaration
from proof.note import Signer, Verifier


class LogServer:
    """Its file and its key are in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.key = folder / "key"
        if not self.key.exists():
            create_key(self.key)
        self._api: TestClient | None = None

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder / 'ledger.db'}"

    @property
    def api(self) -> TestClient:
        if self._api is None:
            settings = Settings(
                database_url=self.url, auth=False, seal=False, checkpoint_key=str(self.key)
            )
            self._api = TestClient(create_app(settings), raise_server_exceptions=False)
            self._api.__enter__()
        return self._api

    @property
    def transport(self) -> httpx2.BaseTransport:
        return self.api._transport

    @property
    def services(self) -> Services:
        found: Services = self.api.app.state.services  # type: ignore[attr-defined]
        return found

    def stop(self) -> None:
        if self._api is not None:
            self._api.__exit__(None, None, None)
            self._api = None

    def seal(self) -> Checkpoint:
        self.services.sealer.seal_once()
        return self.newest()

    def newest(self) -> Checkpoint:
        return Checkpoint.unverified(self.api.get("/tree/checkpoint").raise_for_status().text)

    def verifier(self) -> Verifier:
        return self.signer().verifier

    def signer(self) -> Signer:
        return SigningKey.read(self.key).signer(self.newest().origin)

    def copied(self, folder: Path) -> Self:
        """Copies the ledger, its key and the memory of the key."""
        self.stop()
        shutil.copytree(self.folder, folder)
        return type(self)(folder)

    def alter(self, statement: str) -> int:
        """Changes the file with SQL, past its triggers. Returns the number of changed rows."""
        self.stop()
        with closing(sqlite3.connect(self.folder / "ledger.db")) as connection:
            triggers = connection.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
            ).fetchall()
            for name, _ in triggers:
                connection.execute(f'DROP TRIGGER "{name}"')
            changed = connection.execute(statement).rowcount
            for _, sql in triggers:
                connection.execute(sql)
            connection.commit()
        return changed

    def rotate(self) -> None:
        """Lets another key sign from now on."""
        new = self.folder / "next-key"
        create_key(new)
        now = datetime.now(UTC)
        rotate_key(
            self.services.ledger.recorder, SigningKey.read(self.key), SigningKey.read(new), now
        )
        self.stop()
        self.key = new

    def declare_restore(self, lost: Checkpoint, kept: Checkpoint, signer: Signer | None) -> None:
        """Begins the next epoch, with a new key.

        Args:
            lost: the last checkpoint before.
            kept: from which the log goes on. Its origin is replaced.
            signer: of the declaration; None for the new key.
        """
        self.stop()
        self.key = self.folder / "key-of-2"
        private_key = create_key(self.key)
        with self._recorder() as ledger:
            identity = read_identity(ledger.recorder)
            origin = origin_of(identity.base, identity.epoch + 1)
            new = Signer(origin, private_key)
            note = RestoreDeclaration(
                lost,
                kept._replace(origin=origin),
                new.verifier,
                "2026-01-09T08:00:00+00:00",
                "the disk failed",
            ).signed([signer or new])
            with ledger.recorder.unit_of_work() as unit_of_work:
                declare(unit_of_work, DeclarationKind.RESTORE, note, datetime.now(UTC))
                epoch = Property(EPOCH, str(identity.epoch + 1))
                unit_of_work.write(PROPERTIES, [Upsert([epoch])])

    @contextmanager
    def _recorder(self) -> Iterator[Ledger]:
        with Ledger(environment(self.url, lock_timeout=30)) as ledger:
            yield ledger
