"""The command line: serve, rebuild, copy, demo."""
