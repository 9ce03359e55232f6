"""How the world reaches the ledger: the REST API and the command line."""
