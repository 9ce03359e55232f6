"""python -m benchmarks [--quick] [--only TABLE]: prints what the ledger does on this machine.

Machines are noisy: compare within one run, by the ratios to the floor.
"""

import argparse
import platform

from rich.console import Console
from rich.table import Table

from benchmarks import access, floor, http, service, streams
from benchmarks.databases import Database, databases

console = Console()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter streams, fewer rounds")
    parser.add_argument("--only", choices=MEASUREMENTS, help="one of the tables")
    options = parser.parse_args()
    console.print(f"Python {platform.python_version()}, {platform.machine()}")
    with databases() as measured:
        for name, measure in MEASUREMENTS.items():
            if options.only in {None, name}:
                console.print(measure(measured, quick=options.quick))


def rates(measured: list[Database], *, quick: bool) -> Table:
    table = Table("batch", "clients", "database", "service/s", "HTTP/s", "floor/s",
                  "service : floor", title="Transactions a second")  # fmt: skip
    for size in (1, 100, 1_000):
        rounds = (5 if quick else 20) * min(1_000 // size, 20)
        floors = {database.name: floor.rate(database, size, rounds) for database in measured}
        for clients in (1, 8):
            turns = max(rounds // clients, 1)
            for database in measured:
                alone = service.rate(database, size, clients, turns)
                served = http.rate(database, size, clients, turns)
                bare = floors[database.name]
                figures = (f"{alone:,.0f}", f"{served:,.0f}", f"{bare:,.0f}", f"{alone / bare:.0%}")
                table.add_row(str(size), str(clients), database.name, *figures)
    return table


def contention(measured: list[Database], *, quick: bool) -> Table:
    table = Table("database", "items", "1 process", "2 processes", "4 processes",
                  title="Transactions a second by server processes, in batches of 100")  # fmt: skip
    rounds = 10 if quick else 50
    for database in measured:
        for hot in (False, True):
            found = [http.contention(database, n, rounds, hot=hot) for n in (1, 2, 4)]
            figures = (f"{rate:,.0f} ({rate / found[0]:.0%})" for rate in found)
            table.add_row(database.name, "one, hot" if hot else "each its own", *figures)
    return table


def growth(measured: list[Database], *, quick: bool) -> Table:
    table = Table("database", "events an item", "items", "statements", "commits", "ms a batch",
                  title="One batch of a transaction an item")  # fmt: skip
    lengths = [10, 100] if quick else [10, 1_000, 100_000]
    for database in measured:
        # As many events as a disk takes in minutes: fewer items where the streams are long.
        for items in (1_000, 10):
            reachable = [length for length in lengths if length * items <= 1_000_000]
            for cost in service.growth(database, items, reachable):
                row = (cost.events_per_item, items, cost.statements, cost.commits)
                table.add_row(database.name, *map(str, row), f"{cost.milliseconds:.1f}")
    return table


def rebuilds(measured: list[Database], *, quick: bool) -> Table:
    events = 20_000 if quick else 100_000
    table = Table("database", "projection", "events/s", title=f"Rebuild of {events:,} events")
    for database in measured:
        for name, rate in service.rebuild_rates(database, events).items():
            table.add_row(database.name, name, f"{rate:,.0f}")
    return table


def authentication(measured: list[Database], *, quick: bool) -> Table:
    table = Table("database", "what", "µs", title="Knowing who is calling, a request")
    rounds = 200 if quick else 2_000
    for database in measured:
        cost = access.costs(database, rounds)
        table.add_row(database.name, "key, seen a moment ago", f"{cost.remembered:.1f}")
        table.add_row(database.name, "key, looked up", f"{cost.looked_up:.1f}")
    table.add_row("", "token, its signature alone", f"{access.token_cost(rounds):.1f}")
    return table


def following(measured: list[Database], *, quick: bool) -> Table:
    table = Table("database", "streams", "changes/s", "all/s", "written/s", "ms", "slow ms",
                  title="Live streams: changes a second to each, and to all; delay")  # fmt: skip
    rounds = 20 if quick else 100
    for database in measured:
        for number in (1, 50):
            found = streams.delivered(database, number, rounds)
            figures = (found.rate, found.rate * number, found.written)
            delays = (f"{found.median:.1f}", f"{found.slowest:.1f}")
            rates = (f"{figure:,.0f}" for figure in figures)
            table.add_row(database.name, str(number), *rates, *delays)
    return table


MEASUREMENTS = {
    "rates": rates,
    "contention": contention,
    "growth": growth,
    "rebuilds": rebuilds,
    "authentication": authentication,
    "streams": following,
}


if __name__ == "__main__":
    main()
