"""Timings and days of training as tables for figures, notebook and pages."""
