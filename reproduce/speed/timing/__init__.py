"""Timings of every network on every device present, and the cost of training that follows from them."""
