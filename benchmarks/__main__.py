"""Benchmarks of the ledger on this machine: python -m benchmarks [--quick] [--only TABLE].

Prints tables, and writes them to benchmarks.json and benchmarks.svg. Machines are noisy. So compare
the ratios within one run: shares of the baseline, which is the bare driver.
"""

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from application.recording.sync import MAX_WAITING_TRANSACTIONS
from benchmarks import (
    access,
    baseline,
    disk,
    growth,
    http,
    neighbours,
    paired,
    proof,
    readers,
    service,
    streams,
)
from benchmarks.databases import Database, databases
from benchmarks.report import Curves, Result, show, write_chart, write_json
from benchmarks.workload import Mix
from interface import interpreter


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="shorter streams and fewer rounds, for a first impression",
    )
    parser.add_argument("--only", choices=MEASUREMENTS, help="measure only this table")
    parser.add_argument(
        "--against",
        type=Path,
        metavar="FOLDER",
        help="compare only the server of another checkout, with its own .venv, with this one",
    )
    parser.add_argument(
        "--into",
        type=Path,
        default=Path(),
        help="folder of the JSON and SVG files; default: this folder",
    )
    options = parser.parse_args()
    options.into.mkdir(parents=True, exist_ok=True)
    interpreter.tune()  # As the commands and the server.
    results = []
    with databases() as measured:
        measurements = MEASUREMENTS
        if options.against is not None:
            measurements = {"paired": partial(paired_servers, other=options.against)}
        for name, measure in measurements.items():
            if options.only in {None, name}:
                results.append(measure(measured, quick=options.quick))
                show(results[-1])
                write_json(results, options.into / "benchmarks.json")
                write_chart(results, options.into / "benchmarks.svg")


def rates(measured: list[Database], *, quick: bool) -> Result:
    """Service, HTTP and baseline, by database, batch size and number of clients."""
    columns = ("database", "batch", "clients", "service/s", "HTTP/s", "baseline/s", "sqlite3/s",
               "of baseline", "of sqlite3", "of service")  # fmt: skip
    rows = []
    for size in (1, 100, 1_000, 10_000):
        rounds = max(1, (4_000 if quick else 48_000) // max(size, 16))
        for database in measured:
            for clients in (n for n in (1, 8, 32) if n * size < MAX_WAITING_TRANSACTIONS):
                rounds_per_client = max(1, rounds // clients)
                of_baseline = baseline.rate(database, size, rounds)
                of_standard = baseline.rate(database, size, rounds, is_standard=True)
                of_service = service.rate(database, size, clients, rounds_per_client)
                of_http = http.served(database, size, clients, rounds_per_client).rate
                rates_found = (of_service, of_http, of_baseline, of_standard)
                shares = [base and of_service / base for base in (of_baseline, of_standard)]
                rows.append(
                    (database.name, size, clients, *rates_found, *shares, of_http / of_service)
                )
    with_8_clients = Curves(
        "batch", ("service/s", "HTTP/s", "baseline/s"), "database", {"clients": 8}
    )
    return Result("Transactions a second", columns, rows, with_8_clients)


def mixes(measured: list[Database], *, quick: bool) -> Result:
    """Batches with a hot item or duplicates, against batches without."""
    rounds = 4 if quick else 16
    rows = [
        (database.name, str(mix), *_rates_of(database, rounds, mix))
        for database in measured
        for mix in (Mix(hot, duplicates) for hot in (False, True) for duplicates in (False, True))
    ]
    return Result("Batches of 1,000 by content, one client",
                  ("database", "about", "service/s", "HTTP/s"), rows)  # fmt: skip


def _rates_of(database: Database, rounds: int, mix: Mix) -> tuple[float, float]:
    of_http = http.served(database, 1_000, 1, rounds, mix).rate
    return service.rate(database, 1_000, 1, rounds, mix), of_http


def singles(measured: list[Database], *, quick: bool) -> Result:
    """Gain from group commit, and the share of HTTP in the time of a request.

    `times`: the rate against the rate with one commit for each transaction.
    """
    rounds = 60 if quick else 250
    rows: list[tuple[object, ...]] = []
    for database in measured:
        unshared = http.served(database, 1, 32, rounds, unshared=True)
        by_case = {
            "a commit each": unshared,
            "commits shared": http.served(database, 1, 32, rounds),
            "nothing to record": http.answered(database, 32, rounds, by_empty_server=False),
            "a server that does nothing": http.answered(database, 32, rounds, by_empty_server=True),
        }
        rows += [
            (database.name, case, *found, found.p99 / found.p50, found.rate / unshared.rate)
            for case, found in by_case.items()
        ]
    columns = ("database", "what", "HTTP/s", "p50 ms", "p99 ms", "p99 : p50", "times")
    return Result("Single transactions, 32 clients, one process", columns, rows)


def contention(measured: list[Database], *, quick: bool) -> Result:
    """Several server processes on one database: each with its own items, or all with one item."""
    rounds = 10 if quick else 50
    rows = []
    for database in measured:
        for hot in (False, True):
            by_processes = [http.contention(database, n, rounds, hot=hot) for n in (1, 2, 4)]
            rows.append((database.name, "one, hot" if hot else "each its own", *by_processes))
    columns = ("database", "items", "1 process", "2 processes", "4 processes")
    return Result("Transactions a second by server processes, in batches of 100", columns, rows)


_COSTS = ("batch ms", "journal ms", "item's journal ms", "stock list ms", "changes ms")


def streams_grow(measured: list[Database], *, quick: bool) -> Result:
    """Cost of a batch by the length of the item's stream."""
    lengths = [10, 1_000, 10_000] if quick else [10, 1_000, 100_000, 1_000_000]
    rows = [
        (database.name, length, cost.long, cost.short, cost.long / cost.short)
        for database in measured
        for length, cost in growth.by_stream(database, lengths)
    ]
    columns = ("database", "events", "batch ms", "with 10 events ms", "times")
    return Result("A batch of 100 on one item, by the events in its stream", columns, rows,
                  Curves("events", columns[2:4], by="database"))  # fmt: skip


def items_grow(measured: list[Database], *, quick: bool) -> Result:
    """Cost of batches and pages by the number of items."""
    numbers = [1_000, 10_000] if quick else [1_000, 10_000, 100_000, 1_000_000]
    return _cost_table("Cost by the number of items", "items", (
        (database.name, number, cost)
        for database in measured
        for number, cost in growth.by_items(database, numbers)
    ))  # fmt: skip


def _cost_table(title: str, size: str, costs: Iterable[tuple[str, int, growth.Cost]]) -> Result:
    """Milliseconds for a batch of 100 transactions, and for pages of 100 rows.

    `times`: the batch against the batch in the smallest ledger of this database.
    """
    rows: list[tuple[object, ...]] = []
    smallest: dict[str, float] = {}
    for name, number, cost in costs:
        times = cost.batch / smallest.setdefault(name, cost.batch)
        rows.append((name, number, times, *cost))
    return Result(title, ("database", size, "times", *_COSTS), rows,
                  Curves(size, _COSTS, by="database"))  # fmt: skip


def events_grow(measured: list[Database], *, quick: bool) -> Result:
    """Cost of batches, pages and a rebuild by the number of events."""
    numbers = [10_000, 100_000] if quick else [10_000, 100_000, 1_000_000, 10_000_000]
    rebuilds = []

    def costs() -> Iterator[tuple[str, int, growth.Cost]]:
        for database in measured:
            for number, cost, rebuild in growth.by_events(database, numbers):
                rebuilds.append(rebuild)
                yield database.name, number, cost

    table = _cost_table("Cost by the number of events, with 1,000 items", "events", costs())
    rows = [(*row, *rebuild) for row, rebuild in zip(table.rows, rebuilds, strict=True)]
    return replace(table, columns=(*table.columns, "stock list rebuilt: events/s", "MB"), rows=rows)


def rebuild_rates(measured: list[Database], *, quick: bool) -> Result:
    """A rebuild of each projection, in its own process."""
    events = 50_000 if quick else 500_000
    rows = [
        (database.name, name, *rebuild)
        for database in measured
        for name, rebuild in growth.rebuilds(database, events)
    ]
    return Result(f"Rebuild of {events:,} events", ("database", "projection", "events/s", "MB"),
                  rows)  # fmt: skip


def sealing(measured: list[Database], *, quick: bool) -> Result:
    """Costs of the tree, of a verification and of proofs, by the number of events."""
    numbers = [10_000, 100_000] if quick else [100_000, 1_000_000, 10_000_000]
    rows = [
        (database.name, number, *cost)
        for database in measured
        for number, cost in proof.by_events(database, numbers)
    ]
    columns = ("database", "events", "sealing µs", "disk bytes", "verify µs", "storage µs",
               "inclusion ms", "consistency ms",
               "inclusion bytes", "consistency bytes")  # fmt: skip
    return Result("Sealing, verification and proofs, for one event", columns, rows)


def beside_a_sealer(measured: list[Database], *, quick: bool) -> Result:
    """What a sealer at work costs the commits beside it, in pairs by turns."""
    rounds = 32 if quick else 160
    rows = [
        (database.name, name, without, beside, beside / without)
        for database in measured
        for name, without, beside in proof.commit_path(database, rounds)
    ]
    columns = ("database", "what", "without ms", "beside a sealer ms", "times")
    return Result("Commits beside a sealer", columns, rows)


def authentication(measured: list[Database], *, quick: bool) -> Result:
    """Cost of one authentication, by API key and by token."""
    rounds = 200 if quick else 2_000
    rows = []
    for database in measured:
        cost = access.costs(database, rounds)
        rows.append((database.name, "key, in the cache", cost.cached))
        rows.append((database.name, "key, read from the database", cost.looked_up))
    rows.append(("", "token, signature check only", access.token_cost(rounds)))
    return Result("Authentication, for one request", ("database", "what", "µs"), rows)


def live_streams(measured: list[Database], *, quick: bool) -> Result:
    """Rate and delay of changes on live streams.

    `ms` and `slow ms`: delay of a single transaction, the median and the slowest of twenty.
    """
    rounds = 20 if quick else 100
    rows = []
    for database in measured:
        for number in (1, 50):
            found = streams.delivered(database, number, rounds)
            rows.append((database.name, number, found.rate, found.rate * number, found.written,
                         found.median, found.p95))  # fmt: skip
    columns = ("database", "streams", "changes/s", "all/s", "written/s", "ms", "slow ms")
    return Result(
        "Live streams: changes a second to each stream and to all, and the delay", columns, rows
    )


def with_readers(measured: list[Database], *, quick: bool) -> Result:
    """Cost of a batch with concurrent readers in the process. `times`: two readers against none."""
    rounds = 10 if quick else 40
    rows = []
    for database in measured:
        none, one, two = [readers.batch_ms(database, number, rounds) for number in (0, 1, 2)]
        rows.append((database.name, none, one, two, two / none))
    columns = ("database", "no reader ms", "one reader ms", "two readers ms", "times")
    return Result("A batch of 1,000 with threads that read pages of the journal", columns,
                  rows)  # fmt: skip


def beside_neighbours(measured: list[Database], *, quick: bool) -> Result:
    """Latency of single transactions over HTTP. `times`: p99 against that without neighbours."""
    rows: list[tuple[object, ...]] = []
    for database in measured:
        found = list(neighbours.latencies(database, seconds=3 if quick else 15))
        alone = found[0].latency.p99
        rows += [(database.name, *one[:1], *one.latency, one.latency.p99 / alone) for one in found]
    columns = ("database", "neighbours", "p50 ms", "p99 ms", "times")
    return Result("Single transactions of four clients beside neighbours", columns, rows)


def bytes_on_disk(measured: list[Database], *, quick: bool) -> Result:
    """What a transaction costs on disk, in batches of 1,000."""
    rows = [
        (database.name, *part)
        for database in measured
        for part in disk.parts(database, batches=20 if quick else 100)
    ]
    return Result("Bytes of a transaction", ("database", "where", "bytes"), rows)


def paired_servers(measured: list[Database], other: Path, *, quick: bool) -> Result:
    """This checkout against another one, by turns."""
    rows = [
        (database.name, *pair)
        for database in measured
        for pair in paired.pairs(database, other, turns=3 if quick else 9)
    ]
    columns = ("database", "load", "other/s", "this/s", "times")
    return Result(f"Transactions a second over HTTP, against {other.name}", columns, rows)


MEASUREMENTS = {
    "rates": rates,
    "mixes": mixes,
    "singles": singles,
    "contention": contention,
    "streams-grow": streams_grow,
    "items-grow": items_grow,
    "events-grow": events_grow,
    "rebuilds": rebuild_rates,
    "proof": sealing,
    "sealer": beside_a_sealer,
    "readers": with_readers,
    "neighbours": beside_neighbours,
    "bytes": bytes_on_disk,
    "authentication": authentication,
    "streams": live_streams,
}


if __name__ == "__main__":
    main()
