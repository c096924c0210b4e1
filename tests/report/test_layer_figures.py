"""The roofline: its lines are references and called so, and labels do not cover one another."""

import itertools

import numpy as np
import pandas as pd
import pytest

from reproduce.report.figures import layer_times

PEAKS = {"fp32": 400.0, "bf16": 2500.0}  # with 24 GB/s the bends are at 17 and 104 operations a byte


@pytest.fixture(scope="module")
def axes():
    """Dense layers right of the bend of fp32, and layers 2 and 4 all but on top of one another in fp32."""
    references = pd.DataFrame({"precision": [*PEAKS], "peak_gflop_per_second": [*PEAKS.values()]})
    speeds = {"fp32": (280, 397, 409, 393, 396, 270), "bf16": (640, 1610, 2080, 2190, 2150, 530)}
    places = np.array([119, 415, 653, 432, 335, 57])  # operations a byte of conv1 to conv5 and fc6
    kinds = ["convolution"] * 5 + ["fully connected"]
    layers = ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6"]
    parts = [
        pd.DataFrame({"precision": p, "what": "layer_forward", "layer": layers, "kind": kinds}).assign(
            operations_per_byte=places * (2 if p == "bf16" else 1), gflop_per_second=speeds[p], batch_size=128
        )
        for p in PEAKS
    ]
    figure = layer_times.roofline(references.assign(gbyte_per_second=24.0), pd.concat(parts), "a machine")
    figure.draw_without_rendering()
    return figure.axes[0]


def test_a_reference_rises_with_memory_to_its_own_peak_and_no_further(axes):
    lines = [line for line in axes.lines if line.get_linestyle() != "None"]
    assert len(lines) == len(PEAKS)
    for line, peak in zip(lines, PEAKS.values(), strict=True):
        x, y = line.get_data()
        assert max(y) == peak and list(x) == sorted(x)
        assert y[0] == pytest.approx(24 * x[0]) and y[0] < peak and x[1] == pytest.approx(peak / 24)


def test_the_lines_are_called_references_and_no_bounds(axes):
    labels = [text.get_text() for text in axes.texts]
    assert sum(label.startswith("reference matrix\nproduct, ") for label in labels) == len(PEAKS)
    assert "may exceed them" in axes.get_legend().get_title().get_text()


def test_labels_do_not_overlap_and_every_layer_has_one(axes):
    texts = [text for text in axes.texts if text.get_text()]
    boxes = {text: text.get_window_extent() for text in texts}
    crossed = [(a.get_text(), b.get_text()) for a, b in itertools.combinations(texts, 2) if boxes[a].overlaps(boxes[b])]
    assert not crossed
    marked = [line.get_xydata() for line in axes.lines if line.get_marker() != "None"]
    marks = axes.transData.transform(np.concatenate(marked))
    assert not [text.get_text() for text in texts if boxes[text].count_contains(marks)]
    labels = [text.get_text() for text in texts]
    assert {"1", "3", "5", "2, 4", "2", "4", "6 to 8"} <= set(labels)
