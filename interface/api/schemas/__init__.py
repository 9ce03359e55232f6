"""Schemas of requests and answers, one file per subject."""
