"""Benchmarks: the trainer of this project against the loop one would otherwise write, in one process, in turns."""
