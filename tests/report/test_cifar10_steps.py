"""The three sentences on the re-enactment on CIFAR-10: by what is run, with intervals and seeds, and what is not."""

import pandas as pd
import pytest

from reproduce.base.errors import ReproduceError
from reproduce.report.cifar10_steps import generations_answer
from reproduce.report.records import Records, load_records

COLUMNS = ["study", "comparison", "value", "low", "high", "n_first", "n_second", "method"]
STEPS = [
    ("before_2012", "kmeans-1600-minus-18pct", 3.96, 3.29, 4.62, 3, 8, "Welch"),
    ("before_2012", "fisher-vectors-minus-18pct", None, None, None, 0, 8, None),
    ("after_2012", "gain-of-batch-normalization-18pct", 0.72, 0.29, 1.16, 3, 3, "Welch"),
    ("after_2012", "gain-of-todays-schedule-18pct", -0.2, -0.5, 0.1, 3, 3, "Welch"),
    ("after_2012", "gain-of-todays-decay-and-order-18pct", 0.4, None, None, 3, 2, None),
    ("after_2012", "gain-of-resnet20-by-todays-recipe", None, None, None, 3, 0, None),
    ("after_2012", "gain-of-net-and-recipe-from-crops", None, None, None, 3, 0, None),
]


@pytest.fixture
def told(tmp_path):
    """Return a function that gives the three sentences for rows of the comparisons, and errors of runs by variant."""

    def answer(steps, **errors):
        pd.DataFrame(steps, columns=COLUMNS).to_csv(tmp_path / "comparisons.csv", index=False)
        runs = load_records().runs
        made = [_run(runs, variant, epochs, error) for (variant, epochs), error in _by_length(errors)]
        pd.concat([runs, *made]).to_csv(tmp_path / "runs.csv", index=False)
        return generations_answer(Records(tmp_path)).splitlines()

    return answer


def _by_length(errors):
    lengths = {"nasnet_a_2_768": 20, "nasnet_a_2_768_at_2012_cost": 7, "resnet20_at_2012_cost": 40}
    return [((variant, lengths[variant]), error) for variant, values in errors.items() for error in values]


def _run(runs, variant, epochs, error):
    like = runs[runs["variant"].eq("18pct_all_rates") & runs["status"].eq("finished")].iloc[:1]
    return like.assign(study="after_2012", variant=variant, epochs=epochs, test_top1_error_percent=error)


def test_steps_have_their_intervals_and_those_without_runs_are_named(told):
    step, rungs, nasnet = told(STEPS)
    assert step == (
        "- *The step of 2012.* Without augmentation the error of the 18 % net is 3.96 points lower (3.29 to 4.62) than "
        "that of k-means on patches (2011). The step from Fisher vectors (the contest's winners of 2011) is still to "
        "be run. Beside Fisher vectors alone 2012 would look better than it was: the best of other methods in print "
        "before it makes 18.0 % errors."
    )
    assert rungs == (
        "- *Recipe or net.* At the cost of 2012 the error of the augmented 18 % net is 0.72 points lower (0.29 to "
        "1.16) with batch normalization, then 0.20 points higher (0.50 higher to 0.10 lower) with today's initial "
        "weights and schedule, then 0.40 points lower (no interval yet) with the rest of today's "
        "recipe. "
        "Still to be run at the cost of 2012, the augmented 18 % net: with ResNet-20 in its place, by the same recipe."
    )
    assert nasnet.startswith("- *NASNet.* NASNet-A (2 @ 768) and ResNet-20 are still to be run at either cost. ")
    assert nasnet.endswith("It takes 74 times the operations of a net of the search and is not run here.")


def test_net_and_recipe_together_are_told_once_both_ends_are_run(told):
    _, rungs, _ = told([*STEPS[:-1], ("after_2012", "gain-of-net-and-recipe-from-crops", 6.3, 5.9, 6.7, 3, 3, "Welch")])
    assert rungs.endswith("With net and recipe together it is 6.30 points lower (5.90 to 6.70).")


def test_nasnet_stands_beside_resnet_at_both_costs(told):
    errors = {"nasnet_a_2_768": [7.8], "nasnet_a_2_768_at_2012_cost": [11.0, 10.8], "resnet20_at_2012_cost": [9.8] * 3}
    *_, nasnet = told(STEPS, **errors)
    assert (
        "At the cost of 2012 NASNet-A (2 @ 768) makes 10.90 % errors (2 seeds), ResNet-20 9.80 % errors (3 " in nasnet
    )
    assert (
        "At the cost of one net of its search NASNet-A (2 @ 768) makes 7.80 % errors (1 seed), ResNet-20 an " in nasnet
    )


def test_a_comparison_that_the_tables_lack_is_named(told):
    with pytest.raises(
        ReproduceError, match=r"comparisons\.csv lacks gain-of-todays-schedule-18pct of after_2012; run"
    ):
        told([step for step in STEPS if "todays" not in step[1]])
