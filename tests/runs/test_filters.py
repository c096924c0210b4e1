"""Color shares of filters worked by hand, and columns that do and do not divide color between them."""

import numpy as np
import pytest
from collect_support import FakeRunId, write_run
from scipy import stats
from stored_runs import config_of

from reproduce.base.paths import RESULTS
from reproduce.models.spec import load_spec
from reproduce.runs.filters import (
    color_shares,
    color_specialization,
    columns_of_first_layer,
    division,
    specialization_summary,
)
from reproduce.runs.table import read_runs

RED, GREEN_RED, GRAY, CYCLIC = ([1, 0, 0], [1, -1, 0], [1, 1, 1], [2, 0, 1])


def filters(*colors, side=2):
    """Return filters that have one color at every place."""
    return np.array(colors, dtype=np.float16)[:, :, None, None] * np.ones((side, side), dtype=np.float16)


@pytest.mark.parametrize(
    ("color", "share"),
    [
        (GRAY, 0),
        ([-3, -3, -3], 0),
        (GREEN_RED, 1),
        (RED, 2 / 3),  # of energy 1 a third is along gray: (1 / sqrt(3)) ** 2
        ([1, 1, 0], 1 / 3),
        (CYCLIC, 2 / 5),  # gray (1, 1, 1) of energy 3 and color (1, -1, 0) of energy 2
        ([0, 0, 0], 0),
    ],
)
def test_share_of_one_color(color, share):
    assert color_shares(filters(color)) == pytest.approx([share], abs=1e-12)


def test_share_is_of_the_whole_filter_and_knows_no_scale():
    edge = np.zeros((1, 3, 2, 1))
    edge[0, :, 0, 0], edge[0, :, 1, 0] = GRAY, GREEN_RED
    assert color_shares(edge) == pytest.approx([2 / 5])
    assert color_shares(-7 * edge) == pytest.approx([2 / 5])


def test_random_weights_have_two_thirds():
    weights = np.random.default_rng(1).normal(size=(400, 3, 5, 5))
    assert color_shares(weights).mean() == pytest.approx(2 / 3, abs=0.01)


def test_the_gray_axis_is_nearly_the_first_principal_color_axis_of_the_data():
    values, vectors = np.linalg.eigh(np.load(RESULTS / "data" / "cifar10" / "color_covariance.npy"))
    cosine = abs(vectors[:, values.argmax()].sum()) / np.sqrt(3)
    assert np.degrees(np.arccos(cosine)) < 2


def test_eight_filters_are_dealt_in_every_way():
    found = division(np.array([0.0] * 4 + [1.0] * 4))
    assert (found.shares, found.index) == ((0, 1), 1)
    # of 70 deals 36 give 0, 32 give 1/2 and 2 give 1
    assert found.method == "all 70 deals"
    assert found.p_value == pytest.approx(2 / 70)
    assert (found.shuffled_mean, found.shuffled_high) == pytest.approx((18 / 70, 0.5))


def test_many_filters_are_dealt_at_random_from_a_fixed_seed():
    shares = np.linspace(0, 1, 32)
    split, mixed = division(shares), division(np.concatenate([shares[::2], shares[1::2]]))
    assert split.index == pytest.approx(16 / 31) and split.p_value == pytest.approx(1 / 10000)
    assert mixed.index == pytest.approx(1 / 31) and mixed.p_value > 0.5
    assert split.method == "9999 random deals" and division(shares) == split


@pytest.mark.parametrize(
    ("network", "columns"),
    [("alexnet_paper", 2), ("alexnet_no_normalization", 2), ("alexnet_one_gpu", 1), ("80sec", 1)],
)
def test_the_first_layer_is_cut_by_what_reads_it(network, columns):
    assert columns_of_first_layer(load_spec(network).model_dump()) == columns


def test_normalization_within_columns_is_enough():
    network = load_spec("alexnet_paper", {"conv2.columns": 1}).model_dump()
    assert columns_of_first_layer(network) == 2
    assert (
        columns_of_first_layer(load_spec("alexnet_paper", {"conv2.columns": 1, "norm1.columns": 1}).model_dump()) == 1
    )


def write_filters(root, run_id, network, weights):
    folder = write_run(root, run_id, config=config_of(network))
    np.savez_compressed(folder / "arrays.npz", conv1_weights=weights)


@pytest.fixture
def table(tmp_path):
    """Seeds 1 and 2 split, seed 3 does not; a one-column control; a missing run; another study without columns."""
    split = filters(*[GRAY] * 8, *[GREEN_RED] * 8)
    mixed = filters(*[GRAY, GREEN_RED] * 8)
    root = tmp_path / "runs"
    for seed, weights in ((1, split), (2, split[::-1]), (3, mixed)):
        write_filters(root, FakeRunId("small", "base", 11, seed), "alexnet_paper", weights)
    write_filters(root, FakeRunId("small", "one_column"), "alexnet_one_gpu", mixed)
    write_filters(root, FakeRunId("nets", "80sec"), "80sec", split)
    listed = [FakeRunId("small", "base", 11, seed) for seed in (1, 2, 3, 4)]
    listed += [FakeRunId("small", "one_column"), FakeRunId("nets", "80sec")]
    return color_specialization(read_runs(listed, root), root)


def test_a_row_a_run_of_nets_with_columns_and_their_controls(table):
    assert table["variant"].tolist() == ["base", "base", "base", "one_column"]
    assert table["role"].tolist() == ["columns", "columns", "columns", "control"]
    assert table["color_specialization"].tolist() == pytest.approx([1, 1, 0, 0])
    assert table["first_column_color_share"].tolist() == pytest.approx([0, 1, 0.5, 0.5])
    assert (table["p_value"] < 0.05).tolist() == [True, True, False, False]


def test_summary_over_seeds(table):
    base, control = specialization_summary(table).to_dict("records")
    # 1, 1 and 0: mean 2/3, standard error 1/3, t(2) = 4.30265
    assert (base["mean"], base["high"]) == pytest.approx((2 / 3, 2 / 3 + 4.30265 / 3), rel=1e-5)
    assert (base["n_seeds"], base["n_split"], control["n_seeds"], control["n_split"]) == (3, 2, 1, 0)
    assert np.isnan(control["low"])


def test_no_runs_give_an_empty_table(tmp_path):
    empty = color_specialization(read_runs([FakeRunId()], tmp_path), tmp_path)
    assert empty.empty and specialization_summary(empty).empty


def test_what_chance_makes_of_three_seeds_is_as_the_page_says():
    """experiments/what_columns_learn: an interval above zero once in a hundred, one as narrow besides 4 in 10,000."""
    means = np.array([0.1619, 0.1521, 0.1487])  # shuffled_mean of one_column's three runs
    drawn = np.abs(np.random.default_rng(1).normal(size=(1_000_000, 3))) * means * np.sqrt(np.pi / 2) - means
    half = stats.t.ppf(0.975, 2) * stats.sem(drawn, axis=1)
    above = drawn.mean(axis=1) - half > 0
    assert above.mean() == pytest.approx(0.0128, abs=0.001)
    assert (above & (half <= 0.0117)).mean() == pytest.approx(3.6e-4, abs=8e-5)
