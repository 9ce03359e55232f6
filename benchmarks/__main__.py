"""python -m benchmarks [--quick] [--only TABLE]: what the ledger does on this machine.

Prints tables, and writes them to benchmarks.json and benchmarks.svg. Machines are noisy: compare
within one run, by the ratios to the baseline, which is the bare driver.
"""

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from application.recording.sync import MAX_WAITING_TRANSACTIONS
from benchmarks import access, baseline, growth, http, readers, service, streams
from benchmarks.databases import Database, databases
from benchmarks.report import Curves, Result, show, write_chart, write_json
from benchmarks.workload import Mix


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter streams, fewer rounds")
    parser.add_argument("--only", choices=MEASUREMENTS, help="one of the tables")
    parser.add_argument("--into", type=Path, default=Path(), help="the folder for the files")
    options = parser.parse_args()
    options.into.mkdir(parents=True, exist_ok=True)
    results = []
    with databases() as measured:
        for name, measure in MEASUREMENTS.items():
            if options.only in {None, name}:
                results.append(measure(measured, quick=options.quick))
                show(results[-1])
                write_json(results, options.into / "benchmarks.json")
                write_chart(results, options.into / "benchmarks.svg")


def rates(measured: list[Database], *, quick: bool) -> Result:
    columns = ("database", "batch", "clients", "service/s", "HTTP/s", "baseline/s",
               "of baseline", "of service")  # fmt: skip
    rows = []
    for size in (1, 100, 1_000, 10_000):
        rounds = max(1, (4_000 if quick else 48_000) // max(size, 16))
        for database in measured:
            for clients in (n for n in (1, 8, 32) if n * size < MAX_WAITING_TRANSACTIONS):
                turns = max(1, rounds // clients)
                bare = baseline.rate(database, size, rounds)
                alone = service.rate(database, size, clients, turns)
                over = http.served(database, size, clients, turns).rate
                rows.append(
                    (database.name, size, clients, alone, over, bare, alone / bare, over / alone)
                )
    with_8_clients = Curves(
        "batch", ("service/s", "HTTP/s", "baseline/s"), "database", {"clients": 8}
    )
    return Result("Transactions a second", columns, rows, with_8_clients)


def mixes(measured: list[Database], *, quick: bool) -> Result:
    rounds = 4 if quick else 16
    rows = [
        (database.name, str(mix), *_rates_of(database, rounds, mix))
        for database in measured
        for mix in (Mix(hot, twice) for hot in (False, True) for twice in (False, True))
    ]
    return Result("Batches of 1,000 by what is in them, one client",
                  ("database", "about", "service/s", "HTTP/s"), rows)  # fmt: skip


def _rates_of(database: Database, rounds: int, mix: Mix) -> tuple[float, float]:
    over = http.served(database, 1_000, 1, rounds, mix)
    return service.rate(database, 1_000, 1, rounds, mix), over.rate


def singles(measured: list[Database], *, quick: bool) -> Result:
    """What sharing commits is worth, and what of a request is HTTP."""
    rounds = 60 if quick else 250
    rows: list[tuple[object, ...]] = []
    for database in measured:
        alone = http.served(database, 1, 32, rounds, unshared=True)
        found = {
            "a commit each": alone,
            "commits shared": http.served(database, 1, 32, rounds),
            "nothing to record": http.answered(database, 32, rounds, by_empty_server=False),
            "a server that does nothing": http.answered(database, 32, rounds, by_empty_server=True),
        }
        rows += [
            (database.name, what, *one, one.slowest / one.median, one.rate / alone.rate)
            for what, one in found.items()
        ]
    columns = ("database", "what", "HTTP/s", "p50 ms", "p99 ms", "p99 : p50", "times")
    return Result("Single transactions, 32 clients, one process", columns, rows)


def contention(measured: list[Database], *, quick: bool) -> Result:
    rounds = 10 if quick else 50
    rows = []
    for database in measured:
        for hot in (False, True):
            found = [http.contention(database, n, rounds, hot=hot) for n in (1, 2, 4)]
            rows.append((database.name, "one, hot" if hot else "each its own", *found))
    columns = ("database", "items", "1 process", "2 processes", "4 processes")
    return Result("Transactions a second by server processes, in batches of 100", columns, rows)


_COSTS = ("batch ms", "journal ms", "item's journal ms", "stock list ms", "changes ms")


def streams_grow(measured: list[Database], *, quick: bool) -> Result:
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
    numbers = [1_000, 10_000] if quick else [1_000, 10_000, 100_000, 1_000_000]
    return _grown("A ledger, as its items grow in number", "items", (
        (database.name, number, cost)
        for database in measured
        for number, cost in growth.by_items(database, numbers)
    ))  # fmt: skip


def _grown(title: str, what: str, costs: Iterable[tuple[str, int, growth.Cost]]) -> Result:
    """Milliseconds a batch of 100 transactions, and a page of 100 rows; `times`: a batch against
    the first one."""
    rows: list[tuple[object, ...]] = []
    first: dict[str, float] = {}
    for name, number, cost in costs:
        times = cost.batch / first.setdefault(name, cost.batch)
        rows.append((name, number, times, *cost))
    return Result(title, ("database", what, "times", *_COSTS), rows,
                  Curves(what, _COSTS, by="database"))  # fmt: skip


def events_grow(measured: list[Database], *, quick: bool) -> Result:
    numbers = [10_000, 100_000] if quick else [10_000, 100_000, 1_000_000, 10_000_000]
    rebuilt = []

    def costs() -> Iterator[tuple[str, int, growth.Cost]]:
        for database in measured:
            for number, cost, again in growth.by_events(database, numbers):
                rebuilt.append(again)
                yield database.name, number, cost

    grown = _grown("A ledger of 1,000 items, as its events grow in number", "events", costs())
    rows = [(*row, *again) for row, again in zip(grown.rows, rebuilt, strict=True)]
    return replace(grown, columns=(*grown.columns, "stock list rebuilt: events/s", "MB"), rows=rows)


def rebuilds(measured: list[Database], *, quick: bool) -> Result:
    """Each in a process of its own."""
    events = 50_000 if quick else 500_000
    rows = [
        (database.name, name, *found)
        for database in measured
        for name, found in growth.rebuilds(database, events)
    ]
    return Result(f"Rebuild of {events:,} events", ("database", "projection", "events/s", "MB"),
                  rows)  # fmt: skip


def authentication(measured: list[Database], *, quick: bool) -> Result:
    rounds = 200 if quick else 2_000
    rows = []
    for database in measured:
        cost = access.costs(database, rounds)
        rows.append((database.name, "key, cached", cost.remembered))
        rows.append((database.name, "key, looked up", cost.looked_up))
    rows.append(("", "token, its signature alone", access.token_cost(rounds)))
    return Result("Knowing who is calling, a request", ("database", "what", "µs"), rows)


def following(measured: list[Database], *, quick: bool) -> Result:
    rounds = 20 if quick else 100
    rows = []
    for database in measured:
        for number in (1, 50):
            found = streams.delivered(database, number, rounds)
            rows.append((database.name, number, found.rate, found.rate * number, found.written,
                         found.median, found.slowest))  # fmt: skip
    columns = ("database", "streams", "changes/s", "all/s", "written/s", "ms", "slow ms")
    return Result("Live streams: changes a second to each, and to all; delay", columns, rows)


def with_readers(measured: list[Database], *, quick: bool) -> Result:
    rounds = 10 if quick else 40
    rows = []
    for database in measured:
        alone, *beside = [readers.batch_ms(database, number, rounds) for number in (0, 1, 2)]
        rows.append((database.name, alone, *beside, beside[-1] / alone))
    columns = ("database", "no reader ms", "one ms", "two ms", "times")
    return Result("A batch of 1,000, with threads that read the journal page by page", columns,
                  rows)  # fmt: skip


MEASUREMENTS = {
    "rates": rates,
    "mixes": mixes,
    "singles": singles,
    "contention": contention,
    "streams-grow": streams_grow,
    "items-grow": items_grow,
    "events-grow": events_grow,
    "rebuilds": rebuilds,
    "readers": with_readers,
    "authentication": authentication,
    "streams": following,
}


if __name__ == "__main__":
    main()
