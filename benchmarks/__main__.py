"""python -m benchmarks [--quick]: prints what the ledger does on this machine.

Machines are noisy: compare within one run, by the ratios to the floor.
"""

import argparse
import platform

from rich.console import Console
from rich.table import Table

from benchmarks import floor, http, service

console = Console()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter streams, fewer rounds")
    quick = parser.parse_args().quick
    console.print(f"Python {platform.python_version()}, {platform.machine()}")
    rates(rounds_of_1000=5 if quick else 20)
    growth([10, 100] if quick else [10, 1_000, 100_000])
    rebuilds(20_000 if quick else 100_000)


def rates(rounds_of_1000: int) -> None:
    table = Table("batch", "clients", "service/s", "HTTP/s", "floor/s", "service : floor",
                  title="Transactions a second")  # fmt: skip
    for size in (1, 100, 1_000):
        rounds = rounds_of_1000 * min(1_000 // size, 20)
        bare = floor.rate(size, rounds)
        for clients in (1, 8):
            turns = max(rounds // clients, 1)
            alone = service.rate(size, clients, turns)
            served = http.rate(size, clients, turns)
            share = f"{alone / bare:.0%}"
            row = (size, clients, f"{alone:,.0f}", f"{served:,.0f}", f"{bare:,.0f}", share)
            table.add_row(*map(str, row))
    console.print(table)


def growth(lengths: list[int]) -> None:
    table = Table("events an item", "items", "statements", "commits", "ms a batch",
                  title="One batch of a transaction an item")  # fmt: skip
    # As many events as a disk takes in minutes: fewer items where the streams are long.
    for items in (1_000, 10):
        reachable = [length for length in lengths if length * items <= 1_000_000]
        for cost in service.growth(items, reachable):
            row = (cost.events_per_item, items, cost.statements, cost.commits)
            table.add_row(*map(str, row), f"{cost.milliseconds:.1f}")
    console.print(table)


def rebuilds(events: int) -> None:
    table = Table("projection", "events/s", title=f"Rebuild of {events:,} events")
    for name, rate in service.rebuild_rates(events).items():
        table.add_row(name, f"{rate:,.0f}")
    console.print(table)


if __name__ == "__main__":
    main()
