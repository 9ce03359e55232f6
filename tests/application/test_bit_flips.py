"""Random damage of the SQLite file: found, or without consequence."""

import shutil
from contextlib import closing, suppress
from pathlib import Path
from random import Random
from typing import Any, Final

import apsw
import pytest

from application.ledger.ledger import Ledger
from application.persistence import environment
from application.persistence.errors import SchemaMismatch, StoreUnavailable
from application.server_clock import utc_now
from application.verification.findings import Finding, Findings
from application.verification.state_file import StateFile
from application.verification.verify import Options, verify
from tests.support.ledger_checks import proven_content
from tests.support.sealing import seal, signing_key
from tests.support.tampering import fill, go_on

pytestmark = pytest.mark.slow

SEED: Final = 20_260_109
FLIPS: Final = 300
SECTOR: Final = 512


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    file = folder / "ledger.db"
    with Ledger(environment(f"sqlite:///{file}", lock_timeout=30)) as ledger:
        ids, positions = fill(ledger)
        key = signing_key(folder)
        seal(ledger, key)
        go_on(ledger, ids, positions, "more")
        seal(ledger, key)
    with closing(apsw.Connection(str(file))) as connection:
        connection.execute("VACUUM")
        connection.pragma("wal_checkpoint(truncate)")
    return file


def damages(data: bytes, random: Random) -> bytes:
    """One bit flipped; now and then a sector of zeros, two pages swapped, or the end cut off."""
    changed = bytearray(data)
    place = random.randrange(len(data))
    match random.randrange(10):
        case 0:
            start = place // SECTOR * SECTOR
            changed[start : start + SECTOR] = bytes(SECTOR)
        case 1:
            page = 4096
            one, other = (random.randrange(len(data) // page) * page for _ in range(2))
            changed[one : one + page], changed[other : other + page] = (
                data[other : other + page],
                data[one : one + page],
            )
        case 2:
            del changed[place:]
        case _:
            changed[place] ^= 1 << random.randrange(8)
    return bytes(changed)


def is_reported(file: Path) -> bool:
    """Whether the ledger can't be opened, or a verification finds something or can't look."""
    found: list[Finding] = []
    try:
        with (
            Ledger(environment(f"sqlite:///{file}", lock_timeout=1)) as ledger,
            closing(StateFile("")) as state,
        ):
            verify(
                ledger,
                state,
                Findings(found.append, ledger.recorder.head),
                Options(),
                now=utc_now,
                progress=lambda *_: None,
            )
    except (StoreUnavailable, SchemaMismatch):
        return True
    return any(not one.is_warning for one in found)


def test_damage_is_found_or_without_consequence(sound: Path, tmp_path: Path) -> None:
    data = sound.read_bytes()
    before = proven_content(sound)
    reported = 0
    for number in range(FLIPS):
        random = Random(f"{SEED} {number}")
        file = tmp_path / "damaged.db"
        for leftover in tmp_path.iterdir():
            leftover.unlink()
        file.write_bytes(damages(data, random))
        if is_reported(file):
            reported += 1
            continue
        after: Any = None
        with suppress(apsw.Error, UnicodeDecodeError):
            after = proven_content(file)
        assert after == before, f"seed {SEED} {number}: {file}"
    assert reported > FLIPS // 2


def test_copy_is_sound(sound: Path, tmp_path: Path) -> None:
    shutil.copy(sound, tmp_path / "copy.db")
    assert not is_reported(tmp_path / "copy.db")
