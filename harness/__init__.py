"""PostgreSQL servers for one run of the tests or benchmarks."""
