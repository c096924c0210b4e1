"""CIFAR-10: getting it, checking it, reading it, and its statistics."""
