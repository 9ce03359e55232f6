"""A read that ends only when it is cancelled."""

from application.ledger.ledger import Ledger

ENDLESS = {
    "sqlite": "WITH RECURSIVE n (x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n) "
    "SELECT max(x) FROM n",
    "postgres": "SELECT pg_sleep(3600)",
}


def endless(ledger: Ledger) -> None:
    kind = "sqlite" if "sqlite" in type(ledger.recorder).__module__ else "postgres"
    with ledger.recorder.reading() as run:  # type: ignore[attr-defined]
        run(ENDLESS[kind], ())
