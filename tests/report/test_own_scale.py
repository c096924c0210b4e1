"""The front page's table: a claim of a direction has no published figure, a run never made no estimate."""

from types import SimpleNamespace

import pandas as pd

from reproduce.report.own_scale import own_scale_verdicts
from reproduce.study.claims import load_claims


def verdict(claim_id, name, **values):
    empty = dict.fromkeys(
        ("estimate", "low", "high", "confidence_percent", "negligible_within", "n_by_arm"), float("nan")
    )
    named = {"claim_id": claim_id, "verdict": name, "n_seeds": 0, "unit": "percent", "few_seeds": None}
    return empty | named | values


def table_of(*rows):
    claims = [claim for claim in load_claims() if claim.id in {row["claim_id"] for row in rows}]
    records = SimpleNamespace(claims=claims, verdicts=pd.DataFrame(rows))
    return own_scale_verdicts(records).splitlines()[2:]


def test_a_claim_without_runs_is_named_below_with_what_was_published():
    names = ("fisher-vectors-beat-visual-words", "kmeans-4000-error", "after-nasnet-a-error")
    found = {"estimate": 22.89, "n_seeds": 1, "n_by_arm": "1"}
    kept = verdict("kmeans-1600-error", "inconclusive", **found)
    lines = table_of(*(verdict(name, "not run") for name in names), kept)
    assert lines[0].startswith("| `kmeans_1600` |") and lines[1] == ""
    assert " ".join(lines[2:]) == (
        "Not run yet (published figure): `visual_words_wide_costs` minus `fisher_vectors` (direction only), "
        "`kmeans_4000` (20.4 %). Not run, since too long for the machines used here: `nasnet_a_6_768` (3.41 %, 9.5e16 "
        "operations)."
    )
    assert max(map(len, lines[2:])) <= 130
    assert len(table_of(kept)) == 1


def test_a_figure_of_the_authors_notes_is_not_called_published():
    (row,) = table_of(verdict("cifar10-13pct-sample-run-error", "inconclusive", estimate=12.4, n_by_arm="1"))
    assert "| 12.6 % (authors' notes) |" in row


def test_two_seeds_are_named_by_their_values():
    found = {"estimate": 18.765, "few_seeds": "two seeds: 18.59 and 18.94", "n_seeds": 2, "n_by_arm": "2"}
    (row,) = table_of(verdict("cifar10-18pct-error", "inconclusive", **found))
    assert "| 18.77 % (two seeds: 18.59 and 18.94) | 2 of 8 |" in " ".join(row.split())


def test_an_estimate_without_an_interval_stands_alone():
    found = {"estimate": 22.89, "n_seeds": 1, "n_by_arm": "1"}
    (row,) = table_of(verdict("kmeans-1600-error", "inconclusive", **found))
    assert "| 22.89 % |" in row.replace("  ", " ").replace("  ", " ")


def test_a_further_reading_stands_beside_the_judged_one_and_not_among_those_waiting():
    first = verdict("cifar10-18pct-error", "reproduced", estimate=18.57, low=18.37, high=18.77, n_seeds=8, n_by_arm="8")
    waiting = verdict("cifar10-18pct-averages-of-2011-error", "not run")
    (row,) = table_of(first, waiting)
    assert row.endswith("| reproduced | `18pct_averages_of_2011`: not run |")
    made = waiting | {"verdict": "reproduced", "estimate": 18.2, "low": 18.0, "high": 18.4}
    (row,) = table_of(first, made | {"n_seeds": 5, "n_by_arm": "5"})
    assert row.endswith("| `18pct_averages_of_2011`: 18.20 % (18.00 to 18.40), 5 seeds, reproduced |")
