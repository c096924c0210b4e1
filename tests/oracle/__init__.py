"""Intervals made again from what runs committed, apart from the code that made the tables, to hold these against."""
