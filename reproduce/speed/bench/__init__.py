"""Benchmarks: the trainer of this project against the loop one would otherwise write, in one process, in turns."""

from reproduce.speed.bench.run import run_benchmarks

__all__ = ["run_benchmarks"]
