"""What tests and benchmarks share: PostgreSQL servers that are made for one run."""
