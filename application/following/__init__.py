"""Following the ledger: pages of changes behind a bookmark, and changes as they happen."""
