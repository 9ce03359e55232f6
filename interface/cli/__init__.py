"""The command line: serve, rebuild, demo."""
