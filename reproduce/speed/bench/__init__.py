"""Benchmarks: this project's trainer against the standard loop, timed in turns in one process."""

from reproduce.speed.bench.run import run_benchmarks

__all__ = ["run_benchmarks"]
