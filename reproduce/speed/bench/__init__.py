"""Benchmarks: this project's trainer against the standard loop, timed in turns in one process."""
