"""Following the ledger: pages of changes after a bookmark, and live changes."""
