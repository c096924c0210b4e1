"""Every fit of a run of features, and whether the chosen cost is the lowest or highest of those tried."""

import json

import pandas as pd
import pytest

from reproduce.base.errors import ReproduceError
from reproduce.runs.fits import COLUMNS, read_fits
from reproduce.study.run_id import RunId

HEADER = "epoch,stream,cost,images,iterations,training_error_percent,held_out_error_percent,seconds,is_chosen"
CHOSEN = {"sift": 1, "color": 10, "both": 100}
COSTS = (1, 10, 100)


def written(tmp_path, seed, header=HEADER, costs=COSTS, ending=""):
    """Write a run's history: for each stream every cost, and the final fit at the chosen one."""
    run = RunId("nets", "words", 1, seed)
    folder = tmp_path / "runs" / str(run)
    folder.mkdir(parents=True)
    lines = [header]
    for stream, chosen in CHOSEN.items():
        lines += [f"1,{stream},{cost},40,9,20.0,30.0,1.5,{cost == chosen}{ending}" for cost in costs]
        lines.append(f"1,{stream},{chosen},50,9,20.0,,1.5,True{ending}")
    (folder / "history.csv").write_text("\n".join(lines) + "\n")
    (folder / "metrics.json").write_text(json.dumps({"epochs": 1}))
    return run


def test_the_edges_of_the_grid_are_named_in_the_rows_of_the_chosen_cost(tmp_path):
    fits = read_fits([written(tmp_path, 1)], tmp_path / "runs")
    assert list(fits.columns) == COLUMNS and len(fits) == 12
    edges = {stream: part["edge"].tolist() for stream, part in fits.groupby("stream")}
    assert edges == {
        "sift": ["lowest", "", "", "lowest"],
        "color": ["", "", "", ""],
        "both": ["", "", "highest", "highest"],
    }


def test_a_single_cost_has_no_edge(tmp_path):
    run = written(tmp_path, 1, costs=(1,))
    sift = read_fits([run], tmp_path / "runs").query("stream == 'sift'")
    assert sift["edge"].tolist() == ["", ""]


def test_runs_with_and_without_reasons_stand_in_one_table(tmp_path):
    runs = [written(tmp_path, 1), written(tmp_path, 2, f"{HEADER},stopped_by", ending=",converged")]
    fits = read_fits([*runs, RunId("nets", "words", 1, 3)], tmp_path / "runs")  # the third is still to be made
    assert fits.groupby("seed")["stopped_by"].apply(lambda each: each.isna().all()).to_dict() == {1: True, 2: False}


def test_without_runs_the_table_has_its_columns(tmp_path):
    assert list(read_fits([RunId("nets", "words", 1, 1)], tmp_path / "runs").columns) == COLUMNS


def test_a_history_that_lacks_a_final_fit_is_refused(tmp_path):
    run = written(tmp_path, 1)
    path = tmp_path / "runs" / str(run) / "history.csv"
    pd.read_csv(path).iloc[:-1].to_csv(path, index=False)
    with pytest.raises(ReproduceError, match="lacks the row of a final fit"):
        read_fits([run], tmp_path / "runs")
