"""Interfaces of the ledger: the REST API, the command line, and the client for devices."""
