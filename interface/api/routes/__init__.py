"""Endpoints, one file per subject. Each translates its request and calls the application once."""
