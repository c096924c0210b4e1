"""Training times in words: claims beside the evidence, days by machine, seconds to an error."""

import pandas as pd
import pytest
from timing_support import all_rows, frame_of, on_gpu

from reproduce.report.records import load_records
from reproduce.report.speed import timing_tables, training_time
from reproduce.speed.timing.tabulate import tabulate
from reproduce.study.claims import load_claims


def test_claims_have_their_finding_and_the_kind_of_machine_they_are_about():
    table = training_time.claims_on_days(load_claims()).set_index("claim")
    months = table.loc["On CPUs training would have taken months."]
    assert months.tolist() == ["CPUs", "**rough**"]
    days = table.loc["Training takes five to six days on two GTX 580 3 GB GPUs."]
    assert days["machines"] == "GPUs" and "not judged" in days["finding"]


def test_days_beside_the_claims_have_a_row_per_machine_and_keep_the_kinds_of_evidence_apart(timed):
    table = training_time.days_beside_claims(timed)
    assert table["machines"].drop_duplicates().tolist() == ["GPUs", "CPUs"]
    of_cpus = table[table["machines"].eq("CPUs")].set_index("evidence")
    published = of_cpus.loc["published", ["system", "days", "printed"]].to_numpy().tolist()
    assert published == [
        ["CPU, not named, MatConvNet, fp32", "61", "2016"],
        ["1,024 CPUs, fp32", "10 minutes", "2017"],
    ]
    estimated = of_cpus.loc["estimated", "system"]
    assert estimated.str.startswith("Core i7-920").any() and not estimated.str.contains("EPYC|GTX").any()
    here = of_cpus.loc["extrapolated from updates timed here"]
    assert here["system"].str.startswith("Intel(R) Xeon(R) Processor, 2 cores, fp32").any()
    assert set(here["printed"]) == {"-"}
    of_gpus = table[table["machines"].eq("GPUs")].set_index("evidence")
    assert ["two GeForce GTX 580, fp32", "5.0 to 6.0", "2012"] in of_gpus.loc[
        "published", ["system", "days", "printed"]
    ].to_numpy().tolist()
    none = of_gpus.loc["extrapolated from updates timed here"]
    assert [none["system"], none["days"]] == ["no GPU timed yet: `python -m reproduce time`", "-"]


@pytest.mark.parametrize(
    ("spreads", "said"),
    [
        (
            {"bf16": (1.04, 0.999, 1.15), "fp32": (0.98, 0.81, 1.16)},
            "no difference in the time of a step is shown: 4 % more time in bf16 (by round 0.1 % less to 15 % more) "
            "and 2 % less time in fp32 (by round 19 % less to 16 % more).",
        ),
        (
            {"bf16": (1.2, 1.1, 1.3), "fp32": (0.98, 0.81, 1.16)},
            "a step takes 20 % more time in bf16 (by round 10 % more to 30 % more) and "
            "2 % less time in fp32 (by round 19 % less to 16 % more, no difference shown).",
        ),
    ],
)
def test_a_step_beside_which_batches_are_made_takes_more_or_less_time_or_the_rounds_leave_it_open(spreads, said):
    names = ["ratio", "smallest", "largest"]
    rows = [pd.Series(dict(zip(names, spread, strict=True)), name=each) for each, spread in spreads.items()]
    assert training_time._beside_words(rows) == f" While the next batch is made, {said}"
    assert training_time._beside_words([]) == ""


def test_what_training_cost_is_said_of_the_updates_by_precision_and_of_the_batches_beside_them(timed, untimed):
    """fp32: 110 ms for 128 images, so 1,281,167 x 90 / 128 x 0.110 s are 1.15 days; 120 over 110 ms with batches."""
    words = training_time.cost_words(timed)
    assert words == (
        "Intel Xeon, 2 cores: the updates alone of AlexNet's 90 epochs would take 0.52 days (0.42 to 0.63) in bf16 and "
        "1.1 days (1.0 to 2.1) in fp32 (extrapolated from 3 timed updates). While the next batch is made, no "
        "difference in the time of a step is shown: 10 % more time in fp32 (by round 0 % more to 20 % more). "
        "Two GeForce GTX 580 took 5 to 6 days for everything, in fp32."
    )
    assert training_time.cost_words(untimed).startswith("No machine has been timed yet; two GeForce GTX 580 took 5 to")


def test_equal_gpus_of_a_machine_and_the_same_machine_under_another_torch_each_have_their_sentence(tmp_path):
    frame = all_rows()
    timed = frame.iloc[:-1]  # not the skipped one
    gpus = frame_of([on_gpu(0, 10.0), on_gpu(1, 20.0)], started_utc="2026-01-02T03:04:05Z")
    (tmp_path / "timing").mkdir()
    for name, rows in (("one", timed), ("two", pd.concat([timed, gpus]))):
        rows.drop(columns="machine").to_csv(tmp_path / "timing" / f"{name}.csv", index=False)
    tabulate(tmp_path / "timing", tmp_path / "tables")
    words = training_time.cost_words(timing_tables.load_timings(tmp_path / "tables"))
    for name in ("Intel Xeon, 2 cores (one)", "Intel Xeon, 2 cores (two)", "a GPU (cuda:0)", "a GPU (cuda:1)"):
        assert words.count(f"{name}: the updates alone") == 1
    assert words.count("a step is shown: 10 % more time in fp32") == 2


def test_seconds_to_an_error_end_with_the_first_epoch_at_or_below_it():
    runs = pd.DataFrame(
        {
            "run_id": ["a", "b", "c", "longer"],
            "study": "s",
            "variant": "v",
            "epochs": [3, 3, 3, 9],
            "seed": [1, 2, 3, 1],
            "status": ["finished", "finished", "missing", "finished"],
            "threads": 1,
            "cpu": "x",
        }
    )
    errors = {"a": [30.0, 26.0, 27.0], "b": [30.0, 28.0, 26.1]}
    histories = pd.concat(
        pd.DataFrame({"run_id": run, "epoch": [1, 2, 3], "test_error_percent": each, "seconds": [10.0, 20.0, 40.0]})
        for run, each in errors.items()
    )
    records = load_records()
    records.runs, records.histories = runs, histories
    found = training_time.seconds_to_error(records, "s", "v", 26.0)
    assert found["seed"].tolist() == [1, 2] and found["seconds"][0] == 30 and pd.isna(found["seconds"][1])
    table = training_time.seconds_table(records, "s", ["v"], 26.0)
    assert table["median of these, seconds"].tolist() == [80, 30]
    assert table["seeds that got there"].tolist() == ["-", "1 of 2"]
    assert table["whole schedule, median of all seeds, seconds"].tolist()[1] == 70
    assert table["timed"].tolist() == ["as printed", "waited for, on a machine that did other work"]
