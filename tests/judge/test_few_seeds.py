"""Two seeds are named by their values; an interval over them is kept in the record and shown nowhere."""

import json
from types import SimpleNamespace

import pandas as pd
import pytest

from reproduce.judge.citation import Citation, list_numbers
from reproduce.judge.exports import as_csv, as_tex
from reproduce.judge.few_seeds import few_seeds, few_seeds_of_verdict
from reproduce.judge.numbers import read_numbers
from reproduce.runs.statistics import mean_interval, welch_difference


def row(found, **changes):
    numbers = {"value": found.value, "low": found.low, "high": found.high, "method": found.method}
    return {"id": "a", "kind": "mean", "n_seeds": found.n, "unit": "percent"} | numbers | changes


@pytest.mark.parametrize(
    ("seeds", "words"),
    [
        ([12.0, 15.5], "two seeds: 12.00 and 15.50"),
        ([15.5, 12.0], "two seeds: 12.00 and 15.50"),
        ([0.0, 3.0], "two seeds: 0.00 and 3.00"),
        ([89.7, 89.7], "two seeds: 89.70 and 89.70"),
        ([0.0112, 0.0251], "two seeds: 0.011 and 0.025"),
        ([12.0], None),
        ([12.0, 15.5, 13.0], None),
    ],
)
def test_two_seeds_are_named_by_their_values(seeds, words):
    assert few_seeds(row(mean_interval(seeds))) == words


def test_the_values_are_found_at_any_confidence():
    found = mean_interval([12.0, 15.5], 0.975)
    assert few_seeds(row(found, confidence_percent=97.5)) == "two seeds: 12.00 and 15.50"


def test_a_difference_has_no_two_values_to_name():
    assert few_seeds(row(welch_difference([1.0, 2.0], [3.0, 4.0, 5.0]))) == (
        "two seeds in an arm, too few for an interval"
    )
    assert few_seeds(row(welch_difference([1.0, 2.0, 2.5], [3.0, 4.0, 5.0]))) is None


def test_a_verdict_on_two_seeds_names_them_whether_of_the_table_or_not():
    found = mean_interval([18.59, 18.94])
    fields = {"estimate": found.value, "low": found.low, "high": found.high, "method": found.method, "n_seeds": 2}
    assert few_seeds_of_verdict(SimpleNamespace(**fields, confidence_percent=None)) == "two seeds: 18.59 and 18.94"
    (read,) = pd.DataFrame([fields | {"confidence_percent": float("nan")}]).itertuples()
    assert few_seeds_of_verdict(read) == "two seeds: 18.59 and 18.94"
    (not_run,) = pd.DataFrame([fields | dict.fromkeys(("estimate", "low", "high"), float("nan"))]).itertuples()
    assert few_seeds_of_verdict(SimpleNamespace(**not_run._asdict(), confidence_percent=None)) is None


NUMBERS = read_numbers()
CITATION = Citation()
FEW = [number_id for number_id, number in NUMBERS.items() if few_seeds(number)]


def test_the_record_keeps_the_interval_and_marks_it():
    assert FEW, "the study of stalling ports has two seeds per arm"
    for number_id in FEW:
        assert NUMBERS[number_id]["few_seeds"] == few_seeds(NUMBERS[number_id])
        assert NUMBERS[number_id]["low"] is not None
    assert all(number["few_seeds"] is None for name, number in NUMBERS.items() if name not in FEW)


def shows_interval(text):
    return "interval" in text.replace("too few for an interval", "")


@pytest.mark.parametrize("form", ["text", "bibtex", "latex"])
def test_no_format_shows_an_interval_over_two_seeds(form):
    for number_id in FEW:
        assert not shows_interval(getattr(CITATION, form)(NUMBERS[number_id])), number_id


def test_the_list_shows_none_and_no_impossible_percentage():
    for line in list_numbers("").splitlines():
        assert not shows_interval(line) or line.partition(": ")[0] not in FEW
        low, found, high = line.partition(" % (95 % interval ")[2].partition(" to ")
        if found:
            assert float(low) >= 0 and float(high.partition(",")[0].rstrip(")")) <= 100, line


def test_the_macros_have_no_ends_of_such_an_interval():
    text = as_tex([NUMBERS[number_id] for number_id in FEW], "title", "1.0.0").partition("\n\\AlexNet@def{")[2]
    assert r"}{number}{" in text and r"}{low}{" not in text and not shows_interval(text)


def test_csv_and_json_keep_the_numbers_with_the_mark():
    number = NUMBERS[FEW[0]]
    record = json.loads(CITATION.json([number]))["numbers"][0]
    assert (record["low"], record["few_seeds"]) == (number["low"], few_seeds(number))
    assert few_seeds(number) in as_csv([number])
