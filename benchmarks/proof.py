"""Costs of sealing, of verification and of proofs."""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from application.persistence.recorder import LedgerRecorder
from application.sealing.key_file import create_key
from application.sealing.proofs import ProofService
from application.sealing.sealer import Sealer
from application.sealing.signer import CheckpointSigner, SigningKey
from application.sealing.tree import GrowingTree
from application.server_clock import utc_now
from application.verification.findings import Finding, Findings
from application.verification.state_file import StateFile
from application.verification.verify import Options, Verified, verify
from benchmarks.databases import Database
from benchmarks.workload import CALLER, Workload, new_workload

ITEMS = 1_000
PROOFS = 200
TURNS = 8


class ProofCost(NamedTuple):
    """Costs at one size of the ledger."""

    sealing_us: float
    """Of one event: read, hashed, and its part of the tiles written."""
    disk_bytes: float
    """Of one event: its part of the tiles."""
    verify_us: float
    """Of one event, in a complete verification without the check of the files."""
    storage_us: float
    """Of one event: the database's check of its own files."""
    inclusion_ms: float
    consistency_ms: float
    inclusion_bytes: int
    consistency_bytes: int


def by_events(database: Database, numbers: list[int]) -> Iterator[tuple[int, ProofCost]]:
    """Yields the costs for ledgers with these numbers of events."""
    with TemporaryDirectory() as folder, new_workload(database, ITEMS) as workload:
        key = SigningKey.read(_key(Path(folder)))
        for number in numbers:
            workload.fill(number)
            yield number, _cost(workload, key)


def commit_path(database: Database, rounds: int) -> list[tuple[str, float, float]]:
    """Returns times in milliseconds: without a sealer, and with one that seals each second beside
    it. In pairs, by turns."""
    with TemporaryDirectory() as folder, new_workload(database, ITEMS) as workload:
        workload.fill(20_000)
        key = SigningKey.read(_key(Path(folder)))
        batches = _paired(workload, key, 1_000, rounds)
        singles = _paired(workload, key, 1, rounds * 200)
        return [
            (name, pick(without), pick(beside))
            for name, (without, beside), pick in (
                ("batch of 1,000, median", batches, _median),
                ("single, median", singles, _median),
                ("single, p99", singles, _p99),
            )
        ]


def _paired(
    workload: Workload, key: SigningKey, size: int, number: int
) -> tuple[list[float], list[float]]:
    without: list[float] = []
    beside: list[float] = []
    for turn in range(TURNS):
        if turn % 2:
            with closing(_sealer(workload, key)) as sealer:
                sealer.seal_once()  # What the turn before has left.
                sealer.start()
                beside += _timed(workload, size, number // TURNS)
        else:
            without += _timed(workload, size, number // TURNS)
    return without, beside


def _timed(workload: Workload, size: int, rounds: int) -> list[float]:
    return [
        _seconds(lambda batch=batch: workload.sync.sync(batch, CALLER))  # type: ignore[misc]
        for batch in [workload.batch(size, first) for first in range(rounds)]
    ]


def _median(times: list[float]) -> float:
    return statistics.median(times) * 1e3


def _p99(times: list[float]) -> float:
    return statistics.quantiles(times, n=100)[98] * 1e3


def _key(folder: Path) -> Path:
    path = folder / "key"
    create_key(path)
    return path


def _sealer(workload: Workload, key: SigningKey) -> Sealer:
    recorder = workload.ledger.recorder
    return Sealer(recorder, CheckpointSigner(recorder, key, utc_now, _published), 1)


def _cost(workload: Workload, key: SigningKey) -> ProofCost:
    recorder = workload.ledger.recorder
    before = GrowingTree(recorder)
    sealed, start = before.size, time.perf_counter()
    before.grow()
    sealing = (time.perf_counter() - start) / (before.size - sealed)
    _sealer(workload, key).seal_once()
    proofs = ProofService(workload.ledger)
    events = before.size
    verifying = _verify(workload, storage=False)
    storage = _seconds(recorder.check_storage)
    samples = recorder.select_movements_at([events * n // PROOFS for n in range(1, PROOFS)])
    ids = [movement.local_id for movement in samples]
    inclusion = [_seconds(lambda one=one: proofs.inclusion(one, CALLER)) for one in ids]  # type: ignore[misc]
    sizes = [max(1, events * n // PROOFS) for n in range(1, PROOFS)]
    consistency = [_seconds(lambda one=one: proofs.consistency(one)) for one in sizes]  # type: ignore[misc]
    return ProofCost(
        sealing * 1e6,
        _tile_bytes(recorder) / events,
        verifying / events * 1e6,
        storage / events * 1e6,
        statistics.median(inclusion) * 1e3,
        statistics.median(consistency) * 1e3,
        len(proofs.inclusion(ids[0], CALLER).text),
        len(proofs.consistency(sizes[0]).text),
    )


def _tile_bytes(recorder: LedgerRecorder) -> int:
    """Bytes of the tiles on disk, as the database counts them."""
    is_sqlite = "sqlite" in type(recorder).__module__
    query = (
        "SELECT sum(pgsize) FROM dbstat WHERE name LIKE 'tree_tiles%'"
        if is_sqlite
        else "SELECT pg_total_relation_size('tree_tiles')"
    )
    with recorder.reading() as run:  # type: ignore[attr-defined]
        ((number,),) = run(query, ())
    return int(number)


def _verify(workload: Workload, *, storage: bool) -> float:
    found: list[Finding] = []

    def whole() -> Verified:
        with closing(StateFile("")) as state:
            return verify(
                workload.ledger,
                state,
                Findings(found.append, workload.ledger.recorder.head),
                Options(storage=storage),
                now=utc_now,
                progress=_silent,
            )

    seconds = _seconds(whole)
    if any(not one.is_warning for one in found):
        raise AssertionError(found[:3])
    return seconds


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _published(note: str) -> None:
    del note


def _silent(step: str, position: int, end: int) -> None:
    del step, position, end
