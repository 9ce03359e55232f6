"""Use cases of the ledger: sync a batch, manage items, read, follow, rebuild."""
