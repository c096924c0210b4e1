"""The count of verdicts by kind of evidence, each with what it means."""

from report_support import make_records

from reproduce.judge.rules import VERDICTS
from reproduce.report import verdict_counts


def test_claims_are_counted_by_verdict_and_scale(tmp_path):
    loaded = make_records(tmp_path)
    table = verdict_counts.verdict_counts(loaded).set_index("verdict")
    assert table.drop(columns="meaning").to_dict("index") == {
        "reproduced": {"CIFAR-10, own scale": 1, "on paper": 0},
        "source check": {"CIFAR-10, own scale": 0, "on paper": 1},
        "not run": {"CIFAR-10, own scale": 2, "on paper": 0},
    }
    assert table["meaning"].str.len().gt(20).all()
    assert table.drop(columns="meaning").to_numpy().sum() == len(loaded.verdicts)


def test_every_verdict_there_is_has_its_meaning():
    assert set(verdict_counts.MEANINGS) == set(VERDICTS)
