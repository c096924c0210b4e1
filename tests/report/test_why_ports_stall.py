"""The study of stalled ports on made-up losses: its table says when the plateau was left, its figures show each arm."""

import pandas as pd
import pytest

from reproduce.report.records import Records
from reproduce.report.studies import why_ports_stall as stalls

SPREADS = ["standard_deviation", "standard_deviation_over_images"]
TABLES = {
    "update_losses.csv": pd.DataFrame(
        [
            ("why_ports_stall", arm, epochs, seed, update, loss)
            for arm, epochs, seed, losses in (
                ("moves", 1, 1, [2.3] * 60 + [2.0] * 40),
                ("moves", 1, 2, [2.3] * 70 + [2.0] * 30),
                ("stays", 1, 1, [2.3] * 100),
                ("stays", 3, 1, [2.3] * 200 + [1.5] * 100),
            )
            for update, loss in enumerate(losses, start=1)
        ]
        + [("other_study", "moves", 1, 3, 1, 9.0)],
        columns=["study", "variant", "epochs", "seed", "update", "training_loss_nats"],
    ),
    "activations.csv": pd.DataFrame(
        [
            ("why_ports_stall", arm, epochs, seed, layer, 2.0, spread, when)
            for arm, epochs, seed, spreads in (
                ("moves", 1, 1, (1.0, 0.5)),
                ("moves", 1, 2, (1.0, 0.7)),
                ("stays", 1, 1, (1.0, 0.002)),
                ("stays", 3, 1, (1.0, 0.002)),
            )
            for layer, spread in zip(("conv1", "fc7"), spreads, strict=True)
            for when in ("before", "after")
        ],
        columns=["study", "variant", "epochs", "seed", "layer", *SPREADS, "when"],
    ),
}


@pytest.fixture
def tables(tmp_path):
    for name, frame in TABLES.items():
        frame.to_csv(tmp_path / name, index=False)
    return Records(tmp_path)


def test_a_run_left_the_plateau_when_twenty_updates_average_below_the_limit(tables):
    rows = stalls.summary(stalls.load_losses(tables)).set_index(["variant", "updates", "seed"])
    # a mean of 20 with n at 2.0 and the rest at 2.3 is 2.3 - 0.015 n: below 2.2 from n = 7 on
    assert rows.loc[("moves", 100, 1), "left_at"] == 67 and rows.loc[("moves", 100, 2), "left_at"] == 77
    assert pd.isna(rows.loc[("stays", 100, 1), "left_at"]) and rows.loc[("stays", 300, 1), "left_at"] == 203
    assert rows["final_loss_nats"].tolist() == pytest.approx([2.0, 2.0, 2.3, 1.5])


def test_the_share_between_images_is_taken_before_training_and_averaged_over_seeds(tables):
    shares = stalls.image_share(stalls.load_activations(tables)).set_index(["variant", "layer"])["share"]
    assert shares[("moves", "fc7")] == pytest.approx(0.3) and shares[("stays", "fc7")] == pytest.approx(0.001)


def test_the_page_names_every_arm_with_each_seed(tables):
    page = stalls.page_table(tables)
    moves, stays, longer = (line for line in page.splitlines() if "`" in line)
    assert "2.00, 2.00" in moves and "67, 77" in moves and "0.3" in moves
    assert "| 100 " in stays and "2.30" in stays and "never" in stays and "0.001" in stays
    assert "| 300 " in longer and "1.50" in longer and "203" in longer


def test_the_figures_have_a_panel_and_a_row_per_arm_of_the_length_all_arms_have(tables):
    losses = stalls.FIGURES["why_ports_stall_losses"](tables)
    shown = [axes for axes in losses.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in shown] == ["moves", "stays"]
    assert "1 of 2 arms do not come below the plateau" in " ".join(losses.get_suptitle().split())
    assert len(shown[0].lines) == 5  # two seeds, points and means, and the plateau
    assert shown[1].get_xlim()[1] < 110
    layers = stalls.FIGURES["why_ports_stall_layers"](tables)
    axes = layers.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["moves", "stays"]
    assert sorted(text.get_text() for text in axes.texts) == sorted(["50", "30", "50", "0.1"])  # percent


def test_a_study_without_runs_still_gives_its_page_and_figures(tmp_path):
    for name, frame in TABLES.items():
        frame.iloc[:0].to_csv(tmp_path / name, index=False)
    loaded = Records(tmp_path)
    assert stalls.page_table(loaded) == "Not run yet."
    assert [draw(loaded) is not None for draw in stalls.FIGURES.values()] == [True, True]
