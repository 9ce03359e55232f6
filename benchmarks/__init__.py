"""The project's own measurements, run by hand: python -m benchmarks."""
