"""Published runs: their places, predictions, metrics derived from what they keep, and statistics over seeds."""
