"""Histories that are not whole: the rows of epochs, and of features the row of the final fit."""

import json

import pytest

from reproduce.base.errors import ReproduceError
from reproduce.runs.run_files import read_history

COSTS = "epoch,stream,cost,held_out_error_percent\n1,patches,10,26.2\n1,patches,30,\n"


def history(folder, text, epochs=1):
    (folder / "metrics.json").write_text(json.dumps({"epochs": epochs}))
    (folder / "history.csv").write_text(text)
    return folder / "history.csv"


def test_features_have_one_row_per_cost_and_one_for_the_final_fit(tmp_path):
    assert read_history(history(tmp_path, COSTS))["cost"].tolist() == [10, 30]


@pytest.mark.parametrize("text", [COSTS.replace("1,patches,30,\n", ""), COSTS + "1,patches,30,\n"])
def test_features_without_one_final_fit_are_refused(tmp_path, text):
    with pytest.raises(ReproduceError, match="final fit"):
        read_history(history(tmp_path, text))


def test_epochs_are_counted_by_the_metrics(tmp_path):
    assert len(read_history(history(tmp_path, "epoch\n1\n2\n", epochs=2))) == 2
    with pytest.raises(ReproduceError, match="has 1 rows"):
        read_history(history(tmp_path, "epoch\n1\n", epochs=2))
