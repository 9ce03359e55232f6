"""The ledger in one SQLite file: nothing to install, any number of processes on one machine."""
