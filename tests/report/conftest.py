"""Fixtures shared by the tests of tables, figures and pages."""

import pandas as pd
import pytest

from reproduce.base.paths import RESULTS
from reproduce.judge.numbers import read_numbers
from reproduce.report.facts import facts_of
from reproduce.report.records import load_records


@pytest.fixture(scope="module")
def facts():
    days = pd.read_csv(RESULTS / "tables" / "training_days.csv")
    return facts_of(load_records(), read_numbers(), days)
