"""Averages of stored predictions, on four nets and four images that can be worked by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from collect_support import FakeRunId, write_run
from stored_runs import answers, config_of, write_labels, write_stored

from reproduce.base.errors import ReproduceError
from reproduce.base.paths import RESULTS
from reproduce.runs.averaging import (
    ensemble_gains,
    mean_error_percent,
    validation_gaps,
    validation_images,
    view_gains,
)
from reproduce.runs.labels import read_labels
from reproduce.runs.table import read_runs

LABELS = [0, 1, 2, 3]
RIGHT = {1: [0, 1], 2: [2, 3], 3: [1, 2, 3], 4: [1, 2, 3]}  # by seed: what the net answers rightly
RUNS = [FakeRunId(seed=seed) for seed in RIGHT]


@pytest.fixture
def results(tmp_path):
    """Four runs, the first of two members that make up for one another, the other two that err alike."""
    write_labels(tmp_path, LABELS)
    for run in RUNS:
        write_stored(tmp_path, run, answers(LABELS, RIGHT[run.seed]), LABELS)
    return tmp_path


def gains(results, runs=RUNS):
    return ensemble_gains(read_runs(runs, results / "runs"), results / "runs").set_index("nets")


def test_groups_are_taken_in_the_order_of_the_seeds_and_share_none(results):
    table = gains(results, RUNS[::-1])
    two = table.loc[2]
    # seeds 1 and 2 err on other halves: 50 % each, none together; seeds 3 and 4 both on image 0: 25 % and 25 %
    assert (two["member_error_percent"], two["ensemble_error_percent"]) == (37.5, 12.5)
    assert two["runs"] == [str(run) for run in RUNS]
    assert (two["gain_percentage_points"], two["method"]) == (25, "groups that share no seed: 2")
    assert two["gain_percent_of_member_error"] == pytest.approx(100 * 25 / 37.5)


def test_three_groups_have_an_interval(results):
    more = [FakeRunId(seed=seed) for seed in (5, 6)]
    for run, right in zip(more, ([0, 1], [2, 3]), strict=True):
        write_stored(results, run, answers(LABELS, right), LABELS)
    two = gains(results, [*RUNS, *more]).loc[2]
    # gains 50, 0 and 50: mean 33.333, standard error 16.667, t(2) = 4.30265
    assert two["gain_percentage_points"] == pytest.approx(100 / 3)
    assert (two["low"], two["high"]) == pytest.approx((33.3333 - 71.7109, 33.3333 + 71.7109), abs=1e-3)
    assert two["method"] == "t-interval over 3 groups that share no seed"


def test_fewer_than_three_groups_have_no_interval_and_what_is_left_over_is_not_used(results):
    """Two groups that happen to gain alike would have an interval without width."""
    table = gains(results)
    assert table["groups"].tolist() == [4, 2, 1, 1]
    assert table.loc[3, "runs"] == [str(run) for run in RUNS[:3]]
    assert table.loc[3, "member_error_percent"] == pytest.approx((50 + 50 + 25) / 3)
    assert table.loc[4, "gain_percentage_points"] == 37.5  # image 0: 200 + 3 * 100 beats 10 + 3 * 130
    assert table.loc[[2, 3, 4], ["low", "high", "p_value"]].isna().all().all()


def test_one_net_alone_gains_nothing(results):
    one = gains(results).loc[1]
    assert (one["groups"], one["gain_percentage_points"], one["low"], one["high"]) == (4, 0, 0, 0)


def test_a_missing_or_diverged_seed_is_counted_and_left_out(results):
    fifth, sixth = FakeRunId(seed=5), FakeRunId(seed=6)
    nan = {"test_loss_nats": None}
    write_stored(results, fifth, answers(LABELS, []), LABELS, metrics=nan)
    table = gains(results, [*RUNS, fifth, sixth])
    assert (table["n_listed"] == 6).all() and (table["n_seeds"] == 4).all()


def test_fewer_than_four_seeds_or_no_probabilities_give_no_rows(results):
    assert gains(results, RUNS[:3]).empty
    np.savez_compressed(results / "runs" / str(RUNS[2]) / "predictions.npz", test_predicted=np.zeros(4, np.uint8))
    assert gains(results).empty


def test_missing_labels_name_the_command(results):
    (results / "data" / "cifar10" / "test_labels.npy").unlink()
    with pytest.raises(ReproduceError, match=r"test_labels.npy is missing; run `python -m reproduce data cifar10`"):
        gains(results)


def test_damaged_labels_are_named(tmp_path):
    write_labels(tmp_path, LABELS)
    (tmp_path / "data" / "cifar10" / "test_labels.npy").write_bytes(b"no array")
    with pytest.raises(ReproduceError, match=r"test_labels.npy cannot be read .* restore it with git"):
        read_labels("cifar10", runs_root=tmp_path / "runs")


def test_classes_that_share_the_largest_mean_count_by_chance():
    first = [[120, 100, 0], [0, 200, 55], [85, 85, 85]]
    second = [[100, 120, 0], [0, 200, 55], [85, 85, 85]]
    stored = np.array([first, second], dtype=np.uint8)
    # image 0: two classes at 220, one of them right: 1/2; image 1 right; image 2: three alike: 2/3 wrong
    assert mean_error_percent(stored, np.array([0, 1, 2])) == pytest.approx(100 * (1 / 2 + 0 + 2 / 3) / 3)
    assert mean_error_percent(stored, np.array([2, 1, 2])) == pytest.approx(100 * (1 + 0 + 2 / 3) / 3)


def test_sums_of_many_nets_do_not_overflow():
    stored = np.zeros((300, 1, 3), dtype=np.uint8)
    stored[:, 0] = [130, 125, 0]
    assert mean_error_percent(stored, np.array([0])) == 0


def ten_view_runs(tmp_path, centers):
    for seed, center in enumerate(centers, 1):
        metrics = {"views": 10, "test_center_top1_error_percent": center}
        write_run(tmp_path / "runs", FakeRunId(seed=seed), error=20.0, metrics=metrics)
    write_run(tmp_path / "runs", FakeRunId(variant="one_view"), error=20.0)
    listed = [FakeRunId(seed=seed) for seed in range(1, len(centers) + 1)]
    return read_runs([*listed, FakeRunId(variant="one_view")], tmp_path / "runs")


def test_ten_views_are_paired_with_the_center_of_the_same_net(tmp_path):
    (row,) = view_gains(ten_view_runs(tmp_path, [21.0, 22.0, 24.0])).to_dict("records")
    # -1, -2, -4: mean -7/3, standard deviation sqrt(7/3), t(2) = 4.30265
    half = 4.30265 * math.sqrt(7 / 3) / math.sqrt(3)
    assert (row["difference_percentage_points"], row["high"]) == pytest.approx((-7 / 3, -7 / 3 + half), rel=1e-5)
    assert (row["variant"], row["n_seeds"], row["views"]) == ("80sec", 3, 10)
    assert row["by_seed_percentage_points"] == ["-1.00", "-2.00", "-4.00"]


def test_one_net_with_ten_views_has_a_difference_without_interval(tmp_path):
    (row,) = view_gains(ten_view_runs(tmp_path, [22.1])).to_dict("records")
    assert row["difference_percentage_points"] == pytest.approx(-2.1) and pd.isna(row["low"])


def test_validation_and_test_are_held_against_what_sampling_gives(tmp_path):
    for seed, validation in ((1, 30.0), (2, 27.0)):
        metrics = {"validation_top1_error_percent": validation, "validation_loss_nats": 1.0}
        config = config_of("80sec", training_images=20000)
        write_run(tmp_path / "runs", FakeRunId(seed=seed), error=28.0, metrics=metrics, config=config)
    runs = read_runs([FakeRunId(seed=seed) for seed in (1, 2)], tmp_path / "runs")
    (row,) = validation_gaps(runs, tmp_path / "runs").to_dict("records")
    assert row["absolute_difference_percentage_points"] == 1.5  # 2 above and 1 below
    assert row["by_seed_percentage_points"] == ["2.00", "-1.00"]
    assert (row["validation_images"], row["test_images"]) == (30000, 10000)
    error = 100 * math.sqrt(0.285 * 0.715 / 30000 + 0.28 * 0.72 / 10000)
    assert row["sampling_standard_error_percentage_points"] == pytest.approx(error)
    assert row["sampling_mean_absolute_percentage_points"] == pytest.approx(0.797885 * error, rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "images"),
    [
        ({"training_images": 20000}, 30000),
        ({"training_images": 20000, "held_out_images": 10000}, 10000),
        ({"training_images": 20000, "evaluated_images": 1000}, 1000),
        ({"phases": [{"training_files": [1]}, {"training_files": [1, 2, 3, 4]}]}, 10000),
    ],
)
def test_validation_images_follow_from_the_configuration(tmp_path, changes, images):
    write_run(tmp_path / "runs", FakeRunId(), config=config_of("80sec", **changes))
    assert validation_images(str(FakeRunId()), tmp_path / "runs") == images


def test_runs_without_validation_images_give_no_rows(results):
    assert validation_gaps(read_runs(RUNS, results / "runs"), results / "runs").empty


def test_stored_probabilities_give_the_published_errors_nearly():
    """Rounding to 255ths moves a published net's error by less than a twentieth of a point on average."""
    runs = read_runs([FakeRunId("cifar10_nets", "80sec", 11, seed) for seed in range(1, 13)])
    one = ensemble_gains(runs, RESULTS / "runs").set_index("nets").loc[1]
    assert abs(one["gain_percentage_points"]) < 0.05


def test_nets_stopped_at_their_start_are_not_held_against_test(tmp_path):
    metrics = {"validation_top1_error_percent": 89.0}
    write_run(tmp_path / "runs", RUNS[0], metrics=metrics, scale="synthetic")
    write_run(tmp_path / "runs", RUNS[1], metrics=metrics, config=config_of("80sec", training_images=20000))
    table = validation_gaps(read_runs(RUNS[:2], tmp_path / "runs"), tmp_path / "runs")
    assert table["runs"].tolist() == [[str(RUNS[1])]]
