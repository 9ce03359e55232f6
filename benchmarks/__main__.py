"""python -m benchmarks [--quick] [--only TABLE]: what the ledger does on this machine.

Prints tables, and writes them to benchmarks.json and benchmarks.svg. Machines are noisy: compare
within one run, by the ratios to the floor.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from application.sync import MAX_WAITING
from benchmarks import access, floor, http, service, streams
from benchmarks.databases import Database, databases
from benchmarks.report import Result, show, write_chart, write_json
from benchmarks.shop import Mix


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter streams, fewer rounds")
    parser.add_argument("--only", choices=MEASUREMENTS, help="one of the tables")
    parser.add_argument("--into", type=Path, default=Path(), help="the folder for the files")
    options = parser.parse_args()
    results = []
    with databases() as measured:
        for name, measure in MEASUREMENTS.items():
            if options.only in {None, name}:
                results.append(measure(measured, quick=options.quick))
                show(results[-1])
                write_json(results, options.into / "benchmarks.json")
                write_chart(results, options.into / "benchmarks.svg")


def rates(measured: list[Database], *, quick: bool) -> Result:
    columns = ("database", "batch", "clients", "service/s", "HTTP/s", "floor/s",
               "of floor", "of service")  # fmt: skip
    rows = []
    for size in (1, 100, 1_000, 10_000):
        rounds = max(1, (4_000 if quick else 16_000) // max(size, 16))
        for database in measured:
            bare = floor.rate(database, size, rounds)
            for clients in (n for n in (1, 8, 32) if n * size < MAX_WAITING):
                turns = max(1, rounds // clients)
                alone = service.rate(database, size, clients, turns)
                over = http.served(database, size, clients, turns).rate
                rows.append(
                    (database.name, size, clients, alone, over, bare, alone / bare, over / alone)
                )
    return Result("Transactions a second", columns, rows,
                  (("database", "batch", "clients"), "of floor"))  # fmt: skip


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
    """What sharing commits is worth."""
    rounds = 60 if quick else 250
    rows: list[tuple[object, ...]] = []
    for database in measured:
        alone = http.served(database, 1, 32, rounds, alone=True)
        shared = http.served(database, 1, 32, rounds)
        for name, found in (("one a request", alone), ("shared", shared)):
            spread = found.slowest / found.median
            rows.append((database.name, name, found.rate, found.median, found.slowest, spread,
                         found.rate / alone.rate))  # fmt: skip
    columns = ("database", "commits", "HTTP/s", "p50 ms", "p99 ms", "p99 : p50", "times")
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


def growth(measured: list[Database], *, quick: bool) -> Result:
    rows = [row for database in measured for row in _growth(database, quick=quick)]
    columns = ("database", "events an item", "items", "statements", "commits", "ms", "times")
    return Result("One batch of a transaction an item, as streams grow", columns, rows)


def _growth(database: Database, *, quick: bool) -> Iterator[tuple[object, ...]]:
    """As many events as a disk takes in minutes: fewer items where the streams are long."""
    most = 10_000 if quick else 1_000_000
    for items in (1_000, 10, 1):
        lengths = [length for length in (10, 1_000, 100_000, 1_000_000) if length * items <= most]
        costs = list(service.growth(database, items, lengths))
        for cost in costs:
            yield (database.name, cost.events_per_item, items, cost.statements, cost.commits,
                   cost.milliseconds, cost.milliseconds / costs[0].milliseconds)  # fmt: skip


def rebuilds(measured: list[Database], *, quick: bool) -> Result:
    events = 20_000 if quick else 100_000
    rows = [
        (database.name, name, rate)
        for database in measured
        for name, rate in service.rebuild_rates(database, events).items()
    ]
    return Result(f"Rebuild of {events:,} events", ("database", "projection", "events/s"), rows)


def authentication(measured: list[Database], *, quick: bool) -> Result:
    rounds = 200 if quick else 2_000
    rows = []
    for database in measured:
        cost = access.costs(database, rounds)
        rows.append((database.name, "key, seen a moment ago", cost.remembered))
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


MEASUREMENTS = {
    "rates": rates,
    "mixes": mixes,
    "singles": singles,
    "contention": contention,
    "growth": growth,
    "rebuilds": rebuilds,
    "authentication": authentication,
    "streams": following,
}


if __name__ == "__main__":
    main()
