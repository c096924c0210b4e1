"""The page of architectures is what the specs and the points give, and its words match the specs."""

import re

import pytest

from reproduce.base.errors import ReproduceError
from reproduce.base.paths import PAPER_NOTES
from reproduce.cli import main
from reproduce.models.spec import SPECS_FOLDER, load_spec
from reproduce.report.literature import architectures
from reproduce.report.literature.architecture_features import FEATURES


def feature(name: str, network: str, **changes: object) -> str:
    return FEATURES[name](load_spec(network, changes))


def test_the_committed_page_is_up_to_date():
    assert architectures.PAGE.read_text() == architectures.architectures_page()


def test_every_net_for_images_of_224_pixels_is_on_the_page():
    names = {path.stem for path in SPECS_FOLDER.glob("*.yaml")}
    assert set(architectures.VARIANTS) == {name for name in names if load_spec(name).input.size == 224}


def test_deviations_named_on_the_page_are_there():
    named = set(re.findall(r"\[(D\d+)\]\(deviations\.md\)", architectures.architectures_page()))
    rows = set(re.findall(r"^\| (D\d+) \|", (PAPER_NOTES / "deviations.md").read_text(), re.MULTILINE))
    assert len(named) >= 12
    assert named <= rows


def test_deviations_named_in_specs_are_there():
    rows = set(re.findall(r"^\| (D\d+) \|", (PAPER_NOTES / "deviations.md").read_text(), re.MULTILINE))
    for path in SPECS_FOLDER.glob("*alexnet*.yaml"):
        assert set(re.findall(r"\bD\d+\b", path.read_text())) <= rows
    paper = (SPECS_FOLDER / "alexnet_paper.yaml").read_text()
    assert {"D1", "D2", "D3", "D4", "D6", "D11", "D13"} <= set(re.findall(r"\bD\d+\b", paper))


@pytest.mark.parametrize(
    ("name", "network", "changes", "expected"),
    [
        ("order_in_layer_1", "alexnet_as_released", {}, "convolution, normalization, pooling, ReLU"),
        ("order_in_layer_1", "alexnet_paper", {}, "convolution, ReLU, normalization, pooling"),
        ("input", "alexnet_paper", {}, "224 pixels, 3 zeros at the right and bottom; sizes rounded up"),
        ("input", "alexnet_paper", {"input.size": 227}, "227 pixels, padding 0; sizes rounded up"),
        ("crossing", "alexnet_paper", {"*.columns": 1}, "yes"),
        ("crossing", "torchvision_alexnet", {}, "-"),
        ("columns", "alexnet_paper", {"*.columns": 1}, "none"),
        ("weights", "alexnet_paper", {}, "Gaussian, 0.03 in conv3, conv4, conv5; else 0.01"),
        ("weights", "alexnet_paper", {"*.weight_std": 0.01}, "Gaussian, 0.01"),
        ("biases", "alexnet_paper", {}, "1 in conv2, conv4, conv5, fc6, fc7; else 0"),
        ("biases", "alexnet_paper", {"*.bias": 0.0}, "0"),
        ("decay", "alexnet_paper", {"*.weight_decay": 0.0}, "0; biases none"),
        ("dropout", "torchvision_alexnet", {}, "keep 0.5 after adapt, fc6; scaled in training"),
        ("sides", "alexnet_nonoverlapping_pooling", {}, "55, 28, 26, 13, 13, 13, 11, 6"),
    ],
)
def test_features_say_what_a_spec_does(name, network, changes, expected):
    assert feature(name, network, **changes) == expected


def test_dropout_taken_out_is_said():
    assert FEATURES["dropout"](load_spec("alexnet_paper", remove=["drop6", "drop7"])) == "none"


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("feature: flavor", "unknown feature 'flavor'"),
        ("torchvisoin: x", "Extra inputs"),
        ("", "either feature or ours"),
    ],
)
def test_a_point_that_cannot_be_read_is_one_clear_line(tmp_path, cell, message):
    path = tmp_path / "points.yaml"
    path.write_text(f"points:\n- point: a\n  paper: b\n  released: c\n  caffe: d\n  torchvision: e\n  {cell}\n")
    with pytest.raises(ReproduceError, match=message) as caught:
        architectures.architectures_page(path)
    assert "points.yaml" in str(caught.value)


def test_the_command_writes_the_page(monkeypatch, tmp_path):
    monkeypatch.setattr(architectures.write_architectures, "__defaults__", (tmp_path / "page.md",))
    assert main(["report", "architectures"]) == 0
    assert (tmp_path / "page.md").read_text() == architectures.PAGE.read_text()
