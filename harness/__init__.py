"""What tests and benchmarks need besides the code: PostgreSQL servers, a browser."""
