"""Files that are no plain files, or that another program wrote: pipes, devices, closed files, loops, odd numbers."""

import os
from pathlib import Path

import pytest
from bad_input_rows import PICKLE, Row, arrays, device, edited_yaml, pipe
from small_repository import EPOCHS, RUN, STUDY, VARIANT

NUMBER = "cifar10-80sec-time"
STUDY_FILE, CLAIMS, RUN_FOLDER = f"experiments/{STUDY}/study.yaml", "paper_notes/claims.yaml", f"results/runs/{RUN}"
NUMBERS, LABELS = "results/numbers.json", "results/data/cifar10/test_labels.npy"
TABLE = "paper_notes/hardware.csv"


ROWS = [
    *(
        Row("plan", said, {STUDY_FILE: change})
        for change, said in (
            (b"study: &a [*a]\n", "study"),
            (b"variants: &a {x: *a}\n", "study.yaml"),
            (b"? [a, b]\n: 1\n", "study.yaml"),
            (b"? {a: b}\n: 1\n", "study.yaml"),
            (pipe, "is no plain file"),
            (device, "is no plain file"),
            (edited_yaml(variants__80sec__phases__0__epochs="8"), "epochs: Input should be a valid integer, got '8'"),
            (edited_yaml(variants__80sec__phases__0__epochs=-8), "epochs: Input should be greater than or equal to 1"),
            (edited_yaml(variants__80sec__phases__0__epochs=8.5), "epochs: Input should be a valid integer"),
            (edited_yaml(variants__80sec__phases__0__weight_rate_factor=float("inf")), "finite number"),
            (edited_yaml(variants__80sec__phases__0__weight_rate_factor=float("nan")), "weight_rate_factor"),
            (edited_yaml(variants__80sec__phases__0__weight_rate_factor="0.1"), "weight_rate_factor"),
            (edited_yaml(variants__80sec__momentum=True), "momentum: Input should be a valid number"),
            (edited_yaml(profiles__standard__80sec__seeds=[1.0]), "seeds.0: Input should be a valid integer"),
            (edited_yaml(profiles__standard__80sec__seeds=["1"]), "seeds.0: Input should be a valid integer"),
            (edited_yaml(profiles__standard__80sec__seeds=[0]), "seeds.0: "),
        )
    ),
    *(
        Row("collect", said, {CLAIMS: change})
        for change, said in (
            (b"claims: &a [*a]\n", "claims"),
            (b"claims: [1, 2]\n", "claims"),
            (pipe, "is no plain file"),
            (device, "is no plain file"),
            (edited_yaml(claims__0__id=...), "id: Field required"),
            (edited_yaml(claims__0__targets__0__value="60"), "value"),
            (edited_yaml(claims__0__targets__0__value=float("nan")), "value"),
        )
    ),
    *(
        Row(f"evaluate {RUN}", said, {f"{RUN_FOLDER}/{name}": change})
        for name, change, said in (
            ("run.json", pipe, "is not published"),
            ("run.json", device, "is not published"),
            ("metrics.json", pipe, "is no plain file"),
            ("metrics.json", b"", "is not valid JSON"),
            ("predictions.npz", pipe, "is no plain file"),
            ("predictions.npz", device, "is no plain file"),
            ("predictions.npz", arrays(test_predicted=[{"a": 1}]), "cannot be read"),
            ("predictions.npz", PICKLE, "cannot be read"),
        )
    ),
    *(
        Row("collect", said, {f"{RUN_FOLDER}/{name}": change})
        for name, change, said in (
            ("history.csv", pipe, "is no plain file"),
            ("arrays.npz", pipe, "is no plain file"),
        )
    ),
    Row(f"evaluate {RUN}", "is no plain file", {LABELS: pipe}),
    Row(f"cite {NUMBER}", "is no plain file", {NUMBERS: pipe}),
    Row(f"cite {NUMBER}", "is no plain file", {NUMBERS: device}),
    Row(f"cite {NUMBER}", "is no plain file", {"CITATION.cff": pipe}),
    Row("time --tabulate", "is no plain file", {TABLE: pipe}),
    Row("report pages", "is no plain file", {"README.md": pipe}),
    Row(f"golden check {STUDY} {VARIANT}", "is missing", {f"experiments/{STUDY}/golden/{VARIANT}.json": pipe}),
    Row(
        f"train {STUDY} {VARIANT} --epochs {EPOCHS} --seed 7",
        "is missing",
        {"results/data/cifar10/manifest.json": pipe},
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_it_is_one_line_and_nothing_is_written(refused, row):
    refused(row)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
@pytest.mark.parametrize(
    ("command", "name"),
    [("plan", STUDY_FILE), (f"cite {NUMBER}", NUMBERS), (f"evaluate {RUN}", f"{RUN_FOLDER}/predictions.npz")],
)
def test_a_file_that_may_not_be_read_is_named(root, call, command, name):
    path = root / name
    path.chmod(0)
    try:
        done = call(command, {})
    finally:
        path.chmod(0o644)
    assert done.status == 2 and "Permission denied" in done.err and Path(name).name in done.err
