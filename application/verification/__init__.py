"""Verification: proves that a ledger is what its checkpoints, its rules and its read models say."""
