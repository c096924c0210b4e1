"""Measures of what a run keeps become columns of its row, and claims are judged by them."""

import numpy as np
import pandas as pd
import pytest
from collect_support import FakeRunId, claim, write_run
from stored_runs import config_of, write_labels

from reproduce.base.errors import ReproduceError
from reproduce.judge.verdicts import judge
from reproduce.runs import neighbors
from reproduce.runs.table import read_runs
from reproduce.study.study import load_study

GAIN = {"kind": "gain", "targets": [], "margin": None, "margin_why": None, "study": "small", "arms": ["base"]}
SPECIALIZED = "color_specialization_above_chance_percent"


def filters(*kinds):
    """Return four filters: "g" sees gray alone, "c" color alone."""
    colors = np.array([[1, 1, 1] if kind == "g" else [1, -1, 0] for kind in kinds], dtype=np.float16)
    return colors[:, :, None, None]


def write_net(root, seed, weights, network="alexnet_paper", **changes):
    folder = write_run(root, FakeRunId("small", "base", 11, seed), config=config_of(network), **changes)
    np.savez(folder / "arrays.npz", conv1_weights=weights)


def rows(root, count):
    return read_runs([FakeRunId("small", "base", 11, seed) for seed in range(1, count + 1)], root)


def test_specialization_counts_from_what_chance_gives(tmp_path):
    write_net(tmp_path, 1, filters(*"ggcc"))
    write_net(tmp_path, 2, filters(*"gcgc"))
    # of six deals of two gray and two colored filters to two columns, two give 1 and four give 0: 1/3 by chance
    assert rows(tmp_path, 2)[SPECIALIZED].tolist() == pytest.approx([200 / 3, -100 / 3])


def test_a_net_without_columns_and_an_unfinished_run_have_none(tmp_path):
    write_net(tmp_path, 1, filters(*"ggcc"), network="alexnet_one_gpu")
    write_net(tmp_path, 2, filters(*"ggcc"), status="failed")
    assert SPECIALIZED not in rows(tmp_path, 2)


def test_a_run_that_lost_its_filters_says_so(tmp_path):
    write_net(tmp_path, 1, filters(*"ggcc"))
    path = tmp_path / "small" / "base" / "epochs11" / "seed1" / "arrays.npz"
    np.savez(path, other=np.zeros(1))
    with pytest.raises(ReproduceError, match=r"arrays\.npz holds no first-layer weights"):
        rows(tmp_path, 1)


def test_columns_are_judged_over_seeds(tmp_path):
    split = claim(id="split", estimand=SPECIALIZED, seeds_planned=3, scale="reduced", **GAIN)
    for seed, weights in enumerate([filters(*"ggcc")] * 2 + [filters(*"ccgg")], 1):
        write_net(tmp_path, seed, weights, scale="reduced")
    (verdict,) = judge([split], rows(tmp_path, 3))
    assert (verdict.verdict, verdict.unit) == ("direction reproduced", "percentage_points")
    assert verdict.estimate == pytest.approx(200 / 3)
    write_net(tmp_path, 4, filters(*"gcgc"), scale="reduced")
    # 66.7 three times and -33.3: mean 41.7, standard error 25, t(3) = 3.182
    (verdict,) = judge([split.model_copy(update={"seeds_planned": 4})], rows(tmp_path, 4))
    assert (verdict.verdict, verdict.low) == ("inconclusive", pytest.approx(125 / 3 - 3.182446 * 25, rel=1e-5))


def test_only_a_net_with_held_out_images_has_updates_to_the_held_out_level(tmp_path):
    """Five epochs of 25 %, 70 updates in seven epochs."""
    lines = ["epoch,phase,validation_error_percent", *(f"{epoch},1,25.0" for epoch in range(1, 8))]
    for seed, config in ((1, {"held_out_images": 10}), (2, {})):
        folder = write_run(
            tmp_path, FakeRunId("small", "base", 11, seed), metrics={"updates": 70, "epochs": 7}, config=config
        )
        (folder / "history.csv").write_text("\n".join(lines) + "\n")
    found = rows(tmp_path, 2)["updates_to_held_out_level"]
    assert found[0] == 50 and np.isnan(found[1])


def test_purity_counts_from_that_in_pixels(tmp_path, monkeypatch):
    for name, value in (("QUERIES", 2), ("NEIGHBORS", 2), ("SUBSET_IMAGES", 4)):
        monkeypatch.setattr(neighbors, name, value)
    write_labels(tmp_path, [0, 1, 1, 0], "test")
    write_labels(tmp_path, [1, 1, 0, 0], "training")
    np.save(tmp_path / "data" / "cifar10" / "pixel_neighbors.npy", np.array([[0, 2], [2, 3]], dtype=np.uint16))
    config = {"training_images": 4, "diagnostics": ["nearest_neighbors"]}
    folder = write_run(tmp_path / "runs", FakeRunId("small", "base"), config=config)
    np.savez(folder / "arrays.npz", neighbor_rows=np.array([[2, 3], [0, 2]], dtype=np.uint16))
    # features: both of class 0 for class 0, one of two for class 1: 75 %; pixels: one of two, none of two: 25 %
    assert rows(tmp_path / "runs", 1)["neighbor_purity_gain_percent"].tolist() == pytest.approx([50])


@pytest.mark.parametrize(
    ("diagnostic", "name"), [("update_losses", "update_losses_nats"), ("nearest_neighbors", "neighbor_rows")]
)
def test_a_run_that_lost_what_it_should_keep_says_so(tmp_path, diagnostic, name):
    folder = write_run(tmp_path, FakeRunId("small", "base"), config={"diagnostics": [diagnostic]})
    np.savez(folder / "arrays.npz", other=np.zeros(1))
    with pytest.raises(ReproduceError, match=rf"arrays\.npz holds no {name}"):
        rows(tmp_path, 1)


def write_held_out_errors(folder, phases, errors):
    history = pd.DataFrame({"phase": phases, "validation_error_percent": errors}, index=range(1, len(errors) + 1))
    history.to_csv(folder / "history.csv", index_label="epoch")


@pytest.mark.parametrize(
    ("errors", "at_first_rate", "in_all"),
    [
        ([50.0, 45.0, 46.0, 47.0, 30.0, 31.0, 32.0], 2 * 10, 3 * 10),
        ([50.0, 45.0, 46.0, 47.0, 32.0, 31.0, 30.0], None, None),  # the second rate's most epochs came first
    ],
)
def test_updates_to_converge_are_those_to_the_best_of_each_rate(tmp_path, errors, at_first_rate, in_all):
    """Rates end two epochs after their best; ten updates an epoch."""
    run = FakeRunId("small", "plateau", 7, 1)
    phase = {"epochs": 9, "training_files": [1], "weight_rate_factor": 1.0, "until": "validation_error_plateau"}
    config = {"batch_size": 128, "phases": [phase | {"plateau_epochs": 2}] * 2}
    folder = write_run(tmp_path, run, metrics={"updates": 70, "epochs": 7}, config=config)
    write_held_out_errors(folder, [1] * 4 + [2] * 3, errors)
    runs = read_runs([run], tmp_path)
    names = ["updates_to_converge_at_first_rate", "updates_to_converge"]
    expected = [np.nan if value is None else value for value in (at_first_rate, in_all)]
    np.testing.assert_array_equal(runs.loc[0, names].astype(float), expected)
    ratio = {"kind": "ratio", "estimand": names[1], "targets": [], "margin": None, "margin_why": None}
    (verdict,) = judge([claim(study="small", arms=["plateau", "plateau"], **ratio)], runs)
    assert ("a finished run has none of its own" in verdict.why) == (in_all is None)


def test_a_phase_recorded_without_its_wait_waited_for_the_default(tmp_path):
    """The four rates of the ILSVRC study end three epochs after their best, which no record of a run says."""
    config = load_study("ilsvrc2010").variant("plateau").resolved()
    assert not any("plateau_epochs" in phase for phase in config["phases"])
    run = FakeRunId("small", "base", 16, 1)
    folder = write_run(tmp_path, run, metrics={"updates": 160, "epochs": 16}, config=config)
    np.savez(folder / "arrays.npz", conv1_weights=filters(*"ggcc"))
    write_held_out_errors(folder, np.repeat([1, 2, 3, 4], 4), [9.0, 9.1, 9.2, 9.3] * 4)
    assert read_runs([run], tmp_path).loc[0, "updates_to_converge"] == 4 * 10
