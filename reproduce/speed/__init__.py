"""The cost of training: timings, the cost model, estimates, the comparison with the standard loop, and the doctor."""
