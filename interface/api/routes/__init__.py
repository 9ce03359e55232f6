"""Endpoints, one file a subject. Each translates, and calls the application once."""
