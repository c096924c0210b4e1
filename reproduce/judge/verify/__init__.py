"""Comparing everything that is published with the records it was made from, so that every edit is seen."""

from reproduce.judge.verify.all_checks import find_problems, verify

__all__ = ["find_problems", "verify"]
