"""Environment variables that name nothing, or that torchrun would not set so."""

import pytest
from bad_input_rows import HUGE, Row
from small_repository import BY_HAND, EPOCHS, STUDY, VARIANT

TRAIN = f"train {STUDY} {VARIANT} --epochs {EPOCHS} --seed 7"
_TORCHRUN = {"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}
_LONG = "/" + "d" * 300

ROWS = [
    Row(TRAIN, "no setting is named 'REPRODUCE_SCRACH'; did you mean", environment={"REPRODUCE_SCRACH": "/tmp"}),
    Row(TRAIN, "REPRODUCE_SCRATCH names '~nobody_at_all", environment={"REPRODUCE_SCRATCH": "~nobody_at_all/x"}),
    Row(TRAIN, "REPRODUCE_SCRATCH is 'near/by', a relative path", environment={"REPRODUCE_SCRATCH": "near/by"}),
    Row(TRAIN, "File name too long", environment={"REPRODUCE_SCRATCH": _LONG}),
    Row("publish " + BY_HAND, "Not a directory", environment={"REPRODUCE_SCRATCH": "/dev/null/x"}),
    Row("doctor", "REPRODUCE_PACKED names", environment={"REPRODUCE_PACKED": _LONG}),
    Row(f"data {BY_HAND}", "REPRODUCE_ILSVRC2012 names", environment={"REPRODUCE_ILSVRC2012": "~nobody_at_all"}),
    Row(f"data {BY_HAND}", "is not a folder", environment={"REPRODUCE_ILSVRC2012": "/a\nb"}),
    Row("data cifar10", "REPRODUCE_CIFAR10", environment={"REPRODUCE_CIFAR10": "/nowhere/at/all"}),
    Row(f"golden check {STUDY} {VARIANT}", "neither 0 nor 1", environment={"REPRODUCE_KERNELS": "off"}),
    Row(TRAIN, "WORLD_SIZE is 'abc'", environment={"WORLD_SIZE": "abc"}),
    Row(TRAIN, "WORLD_SIZE is '-1'", environment={"WORLD_SIZE": "-1"}),
    Row(TRAIN, "(5,002 characters)", environment={"WORLD_SIZE": HUGE}),
    Row(TRAIN, "RANK is '', no whole number", environment={"WORLD_SIZE": "2"}),
    Row(TRAIN, "RANK is '2', no whole number from 0 to 1", environment=_TORCHRUN | {"RANK": "2"}),
    Row(TRAIN, "LOCAL_RANK is 'x'", environment=_TORCHRUN | {"LOCAL_RANK": "x"}),
    Row(TRAIN, "MASTER_PORT is '70000'", environment=_TORCHRUN | {"MASTER_PORT": "70000"}),
    Row(TRAIN, "MASTER_ADDR is not set", environment=_TORCHRUN | {"MASTER_ADDR": " "}),
    Row(TRAIN, "git", environment={"PATH": "/nowhere"}),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_it_is_one_line_and_nothing_is_written(refused, row):
    refused(row)
