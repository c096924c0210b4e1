"""Intervals recomputed from committed runs, without the code that made the tables, to compare the tables with."""
