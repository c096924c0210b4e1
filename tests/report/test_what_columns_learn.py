"""Pictures of made-up runs: what is shown is chosen by order alone, and drawn as it is."""

import numpy as np
import pandas as pd
import pytest
from collect_support import FakeRunId, FakeStudy
from stored_runs import answers, config_of, write_labels, write_stored

from reproduce.data.official import ImageArrays
from reproduce.report.figures import column_filters, image_lists
from reproduce.report.figures.image_lists import Neighborhood
from reproduce.report.studies import what_columns_learn as columns
from reproduce.report.style import png_bytes
from reproduce.runs.filters import color_shares

TEST_LABELS = [3, 8, 8, 0, 6, 6, 1, 3]
TRAINING_LABELS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] * 2
RUNS = [FakeRunId("small", "base", 11, seed) for seed in (2, 1, 3)]


def split_filters(seed=0):
    """Return sixteen filters: four gray and four colored in each half, at random scales."""
    random = np.random.default_rng(seed)
    scales = random.uniform(0.1, 9, (16, 1, 1, 1))
    colors = np.array([[1, 1, 1], [1, -1, 0]] * 8)[:, :, None, None]
    return (scales * colors * random.uniform(0.5, 1, (16, 1, 5, 5))).astype(np.float16)


@pytest.fixture
def root(tmp_path):
    """Seeds 1 and 2 of the base variant, and a third that is missing."""
    write_labels(tmp_path, TEST_LABELS)
    for run in RUNS[:2]:
        stored = answers(TEST_LABELS, right=[0, 1, 2])
        arrays = {"conv1_weights": split_filters(run.seed), "neighbor_rows": np.array([[0, 1]] * 8, np.uint16)}
        write_stored(tmp_path, run, stored, TEST_LABELS, arrays=arrays, config=config_of("alexnet_paper"))
    return tmp_path / "runs"


def test_runs_come_in_the_order_of_their_seeds(root):
    other = FakeRunId("small", "one_column")
    assert columns.base_runs(FakeStudy("small", [*RUNS, other]), root) == [RUNS[1], RUNS[0]]


def test_each_column_is_sorted_by_color_share(root):
    (one, two) = columns.shown_filters(RUNS[1::-1], root)
    assert (one.seed, two.seed) == (1, 2)
    first, second = one.columns()
    assert first.shares.tolist() == pytest.approx([0] * 4 + [1] * 4, abs=1e-6)
    np.testing.assert_array_equal(first.weights[0], one.weights[0])  # of equal shares the first in order
    np.testing.assert_array_equal(second.weights[-1], one.weights[15])
    np.testing.assert_allclose(color_shares(second.weights), second.shares)


def test_images_are_the_first_of_their_class_in_the_files_order():
    assert columns.first_of_classes(np.array(TEST_LABELS), 8).tolist() == [0, 1, 3, 4, 6]
    assert columns.first_of_classes(np.array(TEST_LABELS), 2).tolist() == [0, 1]


def test_the_likeliest_classes_come_with_their_probabilities(root):
    images = np.zeros((8, 32, 32, 3), dtype=np.uint8)
    first, _, plane, *_ = columns.top_fives(RUNS[0], images, root)
    assert (first.label, first.classes[:2], first.probabilities[:2]) == (3, [3, 9], [200 / 255, 10 / 255])
    assert (plane.label, plane.classes[:2]) == (0, [9, 0])  # answered wrongly
    assert first.classes == [3, 9]  # the others are stored as 0: which of them is likelier is not known


def test_neighbors_are_rows_of_the_balanced_subset(root, monkeypatch):
    monkeypatch.setattr(columns, "SUBSET_IMAGES", 10)  # the first ten of twenty
    pixel_rows = np.array([[8, 9]] * 8, dtype=np.uint16)
    np.save(root.with_name("data") / "cifar10" / "pixel_neighbors.npy", pixel_rows)
    labels, images = np.array(TRAINING_LABELS), np.zeros((20, 32, 32, 3), dtype=np.uint8)
    images[:, 0, 0, 0] = np.arange(20)
    data = ImageArrays(images, labels, np.zeros((8, 32, 32, 3), dtype=np.uint8), np.array(TEST_LABELS))
    found = columns.neighborhoods(RUNS[0], data, root)
    assert [query.label for query in found] == [3, 8, 0, 6, 1]
    assert found[0].by_features[:, 0, 0, 0].tolist() == found[0].feature_labels.tolist() == [0, 1]
    assert found[0].by_pixels[:, 0, 0, 0].tolist() == found[0].pixel_labels.tolist() == [8, 9]


def test_zero_is_mid_gray_and_each_filter_has_its_own_scale():
    weights = np.zeros((3, 3, 1, 2))
    weights[0, :, 0] = [[4, -4], [0, 2], [0, 0]]
    weights[1, 0, 0, 0] = -0.01
    pictures = column_filters.filter_pictures(weights)
    assert pictures.shape == (3, 1, 2, 3)
    assert pictures[0, 0].tolist() == [[1, 0.5, 0.5], [0, 0.75, 0.5]]
    assert pictures[1, 0, 0].tolist() == [0, 0.5, 0.5]
    assert (pictures[2] == 0.5).all()


def test_a_mosaic_keeps_every_pixel_and_parts_pictures_by_white():
    pictures = np.arange(3 * 2 * 2 * 3).reshape(3, 2, 2, 3) / 100
    canvas = column_filters.mosaic(pictures, across=2)
    assert canvas.shape == (7, 7, 3)
    np.testing.assert_array_equal(canvas[1:3, 4:6], pictures[1])
    np.testing.assert_array_equal(canvas[4:6, 1:3], pictures[2])
    assert (canvas[3] == 1).all() and (canvas[:, 0] == 1).all() and (canvas[4:6, 4:6] == 1).all()


def test_filters_are_a_row_a_seed_with_both_columns(root):
    figure = column_filters.column_filters(columns.shown_filters(RUNS[1::-1], root))
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[0] == "seed 1, column 1: mean color share 0.50" and titles[3].startswith("seed 2, column 2")
    drawn = figure.axes[0].images[0].get_array()
    step = column_filters._PIXELS_PER_WEIGHT
    first, _ = columns.shown_filters(RUNS[1::-1], root)[0].columns()
    np.testing.assert_array_equal(drawn[::step, ::step][1:6, 1:6], column_filters.filter_pictures(first.weights)[0])
    assert drawn.shape == (7 * step, 49 * step, 3)
    assert figure.get_supxlabel().startswith("the first 2 seeds; ")


def specialization_rows():
    rows = [("base", 1, "columns", 0.4, 0.1, 0.2, 0.001), ("base", 2, "columns", 0.1, 0.1, 0.2, 0.4)]
    rows += [("one_column", 1, "control", 0.05, 0.1, 0.2, 0.7)]
    names = ["variant", "seed", "role", "color_specialization", "shuffled_mean", "shuffled_95th_percentile", "p_value"]
    return pd.DataFrame(rows, columns=names).assign(study="small", epochs=11)


def test_the_index_is_a_row_a_variant_with_its_count_of_splits():
    figure = column_filters.specialization(specialization_rows())
    (axes,) = figure.axes
    drawn = [value for line in axes.lines for value in line.get_xdata()]
    low, high = axes.get_xlim()
    assert low == 0 <= min(drawn) and max(drawn) <= high  # no interval below what an absolute difference can be
    assert " ".join(figure.get_suptitle().split()) == (
        "The two columns divide color in 1 of 2 runs; chance alone would give 0."
    )
    assert [label.get_text() for label in axes.get_yticklabels()] == ["base", "one column (halves)"]
    assert [text.get_text() for text in axes.texts] == ["1 of 2 split", "0 of 1 split"]
    filled = [line for line in axes.lines if line.get_marker() == "o" and line.get_markerfacecolor() != "white"]
    assert [value for line in filled for value in line.get_xdata()] == [0.4]


def test_bars_mark_the_right_class(root):
    images = np.zeros((8, 32, 32, 3), dtype=np.uint8)
    figure = image_lists.top_five_lists(columns.top_fives(RUNS[0], images, root), 2, 16.08)
    bars = figure.axes[4]
    assert [text.get_text() for text in bars.texts][:2] == ["cat", "truck"]
    assert [text.get_fontweight() for text in bars.texts][:2] == ["bold", "normal"]
    assert bars.patches[0].get_facecolor() != bars.patches[1].get_facecolor()
    assert figure.axes[0].get_title() == "cat"
    assert "this net (seed 2) makes 16.1 % errors." in " ".join(figure.get_suptitle().split())


def test_neighbors_of_the_querys_class_are_framed():
    pictures = np.zeros((6, 32, 32, 3), dtype=np.uint8)
    query = Neighborhood(pictures[0], 3, pictures, np.array([3, 3, 3, 5, 5, 3]), pictures, np.array([5, 3, 5, 5, 5, 5]))
    purity = pd.DataFrame(
        {
            "feature_purity_percent": [60.0, 64.0],
            "pixel_purity_percent": [25.0, 25.0],
            "difference_percentage_points": [35.0, 39.0],
        }
    )
    figure = image_lists.nearest_images([query], purity, seed=1)
    framed = [axes for axes in figure.axes if axes.images and axes.spines["top"].get_visible()]
    assert len(framed) == 4 + 1
    headings = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert "nearest in features (62 %)" in headings and "nearest in pixels (25 %)" in headings
    assert "2 seeds; difference 37.0 points (11.6 to 62.4)" in figure.get_supxlabel()
    assert figure.get_supxlabel().startswith("pictures: seed 1; ")


def test_before_any_run_every_figure_says_so():
    empty = specialization_rows().iloc[:0]
    purity = pd.DataFrame(columns=["feature_purity_percent"])
    drawn = [
        column_filters.column_filters([]),
        column_filters.specialization(empty),
        image_lists.top_five_lists([], None),
        image_lists.nearest_images([], purity, None),
    ]
    assert [figure.axes[0].texts[0].get_text() for figure in drawn] == ["not run yet"] * 4
    assert png_bytes(drawn[0]) == png_bytes(column_filters.column_filters([]))
