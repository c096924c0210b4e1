"""CIFAR-10: reading its official binary batches, and where they come from."""
