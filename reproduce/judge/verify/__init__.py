"""Holding everything that is published against the records it was made from, so that no edit goes unseen."""

from reproduce.judge.verify.all_checks import find_problems, verify

__all__ = ["find_problems", "verify"]
