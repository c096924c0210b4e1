"""Fashion-MNIST: reading its official files, and where they come from."""
