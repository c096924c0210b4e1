"""The collected tables in the shape that pages show: what was found of each ingredient."""

import pytest
from report_support import make_records

from reproduce.report.records import load_records
from reproduce.report.verdict_tables import ablations_run, verdict_table


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    return make_records(tmp_path_factory.mktemp("results"))


def with_ingredients(loaded, **ingredients):
    """The same records, some claims naming an ingredient; keywords are ids with underscores for hyphens."""
    named = {key.replace("_", "-"): value for key, value in ingredients.items()}
    return load_records(loaded.folder, [c.model_copy(update={"ablation": named.get(c.id)}) for c in loaded.claims])


def test_ingredients_with_runs_are_listed_and_those_without_are_not(loaded):
    shown = ablations_run(with_ingredients(loaded, cifar10_80sec_error="speed", cifar10_18pct_error="normalization"))
    assert shown[["ingredient", "claim", "verdict"]].values.tolist() == [
        ["speed", "26 % error in 80 seconds", "**reproduced**"]
    ]


def test_verdicts_on_no_ingredient_are_not_listed(loaded):
    assert ablations_run(with_ingredients(loaded)).empty


@pytest.mark.parametrize(("planned", "shown"), [(None, "3"), (3, "3"), (5, "3 of 5"), (2, "3")])
def test_planned_seeds_are_named_where_fewer_are_there(loaded, planned, shown):
    claims = [c.model_copy(update={"seeds_planned": planned}) for c in loaded.claims]
    assert verdict_table(load_records(loaded.folder, claims))["seeds"].tolist() == [
        shown,
        f"0 of {planned}" if planned else "0",
    ]
