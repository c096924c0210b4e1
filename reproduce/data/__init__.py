"""Data sets: a registry of their facts, getting and checking them, and reading them for training."""
