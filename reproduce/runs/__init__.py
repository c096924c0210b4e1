"""Published runs: their folders, their predictions, metrics derived from their arrays, and statistics over seeds."""
