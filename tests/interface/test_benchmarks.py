"""Every measurement of the benchmarks works, on a ledger of a few items."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import (
    access,
    baseline,
    disk,
    growth,
    http,
    neighbours,
    paired,
    readers,
    service,
    streams,
)
from benchmarks.databases import Database, PostgreSQL, SQLite
from harness import postgres

pytestmark = pytest.mark.slow

CHECKOUT = Path(sys.executable).parents[2]
"""This one: the other one of a pair may be any."""


FEW = [load._replace(requests=3) for load in paired.LOADS]


def has_no_standard_driver(database: Database) -> bool:
    return database.standard_driver("") is None


MEASUREMENTS: dict[str, Callable[[Database], float]] = {
    "the bare driver": lambda database: baseline.rate(database, 10, 2) or 0,
    "the standard driver": lambda database: (
        baseline.rate(database, 10, 2, is_standard=True) or has_no_standard_driver(database)
    ),
    "the service": lambda database: service.rate(database, 10, 2, 2),
    "the server": lambda database: http.served(database, 10, 2, 2).rate,
    "a commit each": lambda database: http.served(database, 1, 2, 2, unshared=True).rate,
    "an empty server": lambda database: http.answered(database, 1, 2, by_empty_server=True).rate,
    "several processes": lambda database: http.contention(database, 2, 1, hot=False),
    "readers": lambda database: readers.batch_ms(database, 1, 2),
    "neighbours": lambda database: [*neighbours.latencies(database, 0.5)][-1].latency.p99,
    "bytes": lambda database: min(part.bytes for part in disk.parts(database, 3)),
    "pairs": lambda database: min(pair.ratio for pair in paired.pairs(database, CHECKOUT, 1, FEW)),
    "streams": lambda database: streams.delivered(database, 1, 1).rate,
    "authentication": lambda database: access.costs(database, 2).looked_up,
    "a long stream": lambda database: next(growth.by_stream(database, [20]))[1].long,
    "many items": lambda database: next(growth.by_items(database, [200]))[1].batch,
}


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> Database:
    if request.param == "sqlite":
        return SQLite()
    server: postgres.Server = request.getfixturevalue("postgres_server")
    return PostgreSQL(server)


@pytest.mark.parametrize("measurement", MEASUREMENTS)
def test_measurement_works(measurement: str, database: Database) -> None:
    assert MEASUREMENTS[measurement](database) > 0
