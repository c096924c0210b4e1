"""Training as in 2012: update rule, schedules, the loop, checkpoints and the records of a run."""
