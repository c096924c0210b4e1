"""Figures, notebooks and the generated parts of the README, all made from committed tables."""
