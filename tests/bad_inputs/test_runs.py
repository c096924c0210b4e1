"""Published runs and labels that were damaged."""

import numpy as np
import pytest
from bad_input_rows import BINARY, DEEP_JSON, HUGE, PICKLE, Row, arrays, cell, cut, edited, folder, latin, link, utf16
from small_repository import RUN

FOLDER = f"results/runs/{RUN}"
ROWS = [
    *(
        Row("plan", said, {f"{FOLDER}/{name}": change})
        for name, change, said in (
            ("run.json", b"", "is not valid JSON"),
            ("run.json", b"[]", "Input should be a valid dictionary"),
            ("run.json", DEEP_JSON, "cannot be read"),
            ("run.json", folder, "cannot be read"),
            ("run.json", link, "is missing"),
            ("run.json", latin, "cannot be read"),
            ("run.json", utf16, "cannot be read"),
            ("run.json", edited(machine=None), "machine: "),
            ("run.json", edited(machine__cpu=...), "machine.cpu: Field required"),
            ("run.json", edited(config=[]), "config: Input should be a valid dictionary"),
            ("run.json", edited(dataset="imagenet"), "dataset: "),
            ("run.json", edited(training_seconds="fast"), "training_seconds: "),
            ("run.json", edited(seed=HUGE), "seed: "),
            ("run.json", edited(seed=5), "says it is run"),
            ("metrics.json", b"3", "holds no mapping"),
            ("metrics.json", cut, "is not valid JSON"),
            ("metrics.json", edited(test_loss_nats="low"), "test_loss_nats is 'low', no number"),
            ("metrics.json", edited(views="one"), "views is 'one', no number"),
            ("metrics.json", edited(test_loss_nats=...), "lacks 'test_loss_nats'"),
            ("metrics.json", None, "is missing"),
        )
    ),
    *(
        Row(f"evaluate {RUN}", said, {f"{FOLDER}/{name}": change})
        for name, change, said in (
            ("predictions.npz", b"", "cannot be read"),
            ("predictions.npz", cut, "cannot be read"),
            ("predictions.npz", PICKLE, "cannot be read"),
            ("predictions.npz", arrays(), "predictions.npz"),
            ("predictions.npz", arrays(test_predicted=np.zeros((2, 2), np.uint8)), "not as training writes it"),
            ("predictions.npz", arrays(test_predicted=np.zeros(3, np.uint8)), "for 10000 images"),
            ("metrics.json", edited(test_top1_error_percent=None), "has no number 'test_top1_error_percent'"),
            ("metrics.json", edited(test_images=0), "for 0 images"),
        )
    ),
    Row(f"evaluate {RUN}", "cannot be read", {"results/data/cifar10/test_labels.npy": PICKLE}),
    Row(f"evaluate {RUN}", "cannot be read", {"results/data/cifar10/test_labels.npy": b""}),
    Row(f"evaluate {RUN}", "test_labels.npy is missing", {"results/data/cifar10/test_labels.npy": None}),
    Row("collect", "cannot be read", {f"{FOLDER}/history.csv": b""}),
    Row("collect", "lacks the column 'epoch'", {f"{FOLDER}/history.csv": b"a,b\n1,2\n"}),
    Row("collect", "epoch is 'one', no finite number", {f"{FOLDER}/history.csv": cell("epoch", "one")}),
    Row("collect", "seconds is inf, no finite number", {f"{FOLDER}/history.csv": cell("seconds", "inf")}),
    Row("collect", "cannot be read", {f"{FOLDER}/history.csv": BINARY}),
    Row("collect", "cannot be read", {f"{FOLDER}/arrays.npz": b"PK\x03\x04"}),
    Row("collect", "not as training writes it", {f"{FOLDER}/arrays.npz": arrays(conv1_weights=np.zeros(3))}),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_it_is_one_line_and_nothing_is_written(refused, row):
    refused(row)
