"""What the results mean: figures, notebooks and the generated parts of the README, all drawn from committed tables."""
