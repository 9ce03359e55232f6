"""What can be done with the ledger: sync a batch, manage items, read, rebuild."""
