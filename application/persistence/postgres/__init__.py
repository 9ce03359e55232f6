"""The ledger in one PostgreSQL database: any number of processes on any number of machines."""
