"""Claims: what a claims file may hold, what is refused and how, and the arithmetic behind derived figures."""

import copy
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from reproduce.base.errors import ReproduceError
from reproduce.study.arithmetic import evaluate
from reproduce.study.claims import Claim, load_claims

SINGLE = {
    "id": "net-error",
    "source": "front page",
    "statement": "The net makes 26 % errors.",
    "kind": "single_value",
    "targets": [{"value": 26.0, "unit": "percent", "kind": "published", "where": "front page"}],
    "estimand": "test_top1_error_percent",
    "study": "cifar10_nets",
    "arms": ["80sec"],
    "margin": 1.0,
    "margin_why": "rounding",
    "scale": "own",
}
ARITHMETIC = {
    "id": "inputs",
    "source": "account",
    "statement": "256*6*6 = 9126",
    "kind": "arithmetic",
    "targets": [
        {"value": 9126.0, "unit": "count", "kind": "claimed", "where": "print"},
        {"value": 9216.0, "unit": "count", "kind": "derived", "where": "pool5", "expression": "256 * 6 * 6"},
    ],
    "margin": 0.0,
    "margin_why": "a count",
    "scale": "literature",
}


def write(folder: Path, *claims: Any) -> Path:
    path = folder / "claims.yaml"
    with path.open("w") as stream:
        YAML().dump({"claims": list(claims)}, stream)
    return path


def changed(claim: dict, place: str, value: Any) -> dict:
    """Return a copy of the claim with the dotted place set, or removed where the value is None."""
    claim = copy.deepcopy(claim)
    *path, last = [int(part) if part.isdigit() else part for part in place.split(".")]
    inner: Any = claim
    for part in path:
        inner = inner[part]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return claim


def test_claims_load_in_order_with_their_values(tmp_path):
    single, arithmetic = load_claims(write(tmp_path, SINGLE, ARITHMETIC))
    assert (single.id, single.targets[0].value, single.margin, single.arms) == ("net-error", 26.0, 1.0, ["80sec"])
    assert (single.better_is_no_failure, single.relation, single.not_run) == (False, "equal", None)
    assert arithmetic.targets[1].value == 9216.0


@pytest.mark.parametrize(
    ("claim", "place", "value", "said"),
    [
        (SINGLE, "id", "Net Error", ": id: "),
        (SINGLE, "margn", 1.0, ": margn: "),
        (SINGLE, "margin", "1.0", ": margin: "),
        (SINGLE, "margin", -0.5, ": margin: "),
        (SINGLE, "margin", float("nan"), ": margin: "),
        (SINGLE, "margin_why", None, "margin needs a target and margin_why"),
        (SINGLE, "kind", "value", ": kind: "),
        (SINGLE, "scale", None, ": scale: "),
        (SINGLE, "dataset", "CIFAR10", ": dataset: "),
        (SINGLE, "estimand", None, "needs an estimand"),
        (SINGLE, "arms", ["80sec", "19pct"], "needs 1 arm(s), not 2"),
        (SINGLE, "study", None, "without a study needs not_run"),
        (SINGLE, "kind", "difference", "needs 2 arm(s), not 1"),
        (SINGLE, "kind", "source_check", "needs its source_check"),
        (SINGLE, "paper_row", 32, ": paper_row: "),
        (SINGLE, "account", "k6", ": account: "),
        (SINGLE, "seeds_planned", 0, ": seeds_planned: "),
        (SINGLE, "better_is_no_failure", "true", ": better_is_no_failure: "),
        (SINGLE, "relation", "below", ": relation: "),
        (SINGLE, "negligible_within", 0.5, "only a gain or a difference may have negligible_within"),
        (SINGLE, "negligible_within", 0, ": negligible_within: "),
        (SINGLE, "beside", "test_top1_error_percent", "beside is only for a difference"),
        (SINGLE, "beside", "training_top1_error_percent", ": beside: "),
        (SINGLE | {"margin": None, "margin_why": None}, "chosen_afterward", True, "needs margin_why"),
        (ARITHMETIC, "not_judged", "why not", "not_judged is only for the measured kinds"),
        (SINGLE, "source_check", {"finding": "true", "why": "x", "sources": ["y"]}, ": source_check.finding: "),
        (
            SINGLE,
            "not_run",
            {"reason": "its runs are still to be made"},
            "the study's profiles give the reason; remove it",
        ),
        (SINGLE | {"kind": "qualitative"}, "arms", [], "a study needs arms"),
        (SINGLE, "not_run", {"command": "make"}, ": not_run.reason: "),
        (SINGLE, "targets.0.value", "26", ": targets.0.value: "),
        (SINGLE, "targets.0.unit", "%", ": targets.0.unit: "),
        (SINGLE, "targets.0.expression", "20 + 6", "needs an expression where its kind is derived"),
        (ARITHMETIC, "targets.1.expression", None, "needs an expression where its kind is derived"),
        (ARITHMETIC, "targets.1.expression", "256 * 6 * 7", "gives 10752, not 9216"),
        (ARITHMETIC, "targets.1.expression", "__import__('os')", "not allowed"),
        (ARITHMETIC, "targets.1", None, "two targets"),
        (ARITHMETIC, "margin", None, "needs a margin"),
        (ARITHMETIC, "ablation", "dropout", "ablation is only for the measured kinds"),
    ],
)
def test_a_malformed_claim_is_one_line_naming_file_claim_and_place(tmp_path, claim, place, value, said):
    path = write(tmp_path, changed(claim, place, value))
    with pytest.raises(ReproduceError) as caught:
        load_claims(path)
    message = str(caught.value)
    assert said in message
    assert str(path) in message
    assert ("Net Error" if value == "Net Error" else claim["id"]) in message
    assert "\n" not in message


def test_the_margin_of_a_ratio_is_a_factor_of_at_least_one():
    ratio = SINGLE | {"kind": "ratio", "arms": ["tanh", "relu"], "margin": 1.5}
    assert Claim.model_validate(ratio).margin == 1.5
    with pytest.raises(ValueError, match="factor of at least 1"):
        Claim.model_validate(ratio | {"margin": 0.5})


def test_a_claim_without_an_id_is_named_by_its_position(tmp_path):
    with pytest.raises(ReproduceError, match="claim number 2: id: Field required"):
        load_claims(write(tmp_path, SINGLE, changed(ARITHMETIC, "id", None)))


def test_an_entry_that_is_no_mapping_is_refused(tmp_path):
    with pytest.raises(ReproduceError, match="claim number 1"):
        load_claims(write(tmp_path, "net-error"))


def test_a_further_reading_of_no_claim_is_refused(tmp_path):
    with pytest.raises(ReproduceError, match="claim net-error: further_reading_of names 'other', which is no claim"):
        load_claims(write(tmp_path, SINGLE | {"further_reading_of": "other"}))


def test_a_duplicate_id_is_refused(tmp_path):
    with pytest.raises(ReproduceError, match="'net-error' occurs twice"):
        load_claims(write(tmp_path, SINGLE, ARITHMETIC, SINGLE))


@pytest.mark.parametrize("content", ["claims: [", "claims: {}", "[]", "", "claims: []\nmore: 1"])
def test_a_file_that_is_no_list_of_claims_is_refused(tmp_path, content):
    path = tmp_path / "claims.yaml"
    path.write_text(content)
    with pytest.raises(ReproduceError, match="claims.yaml"):
        load_claims(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ReproduceError, match="nowhere.yaml"):
        load_claims(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize(
    ("relation", "stated", "margin", "holds"),
    [
        ("equal", 9216.0, 0.0, True),
        ("equal", 9126.0, 0.0, False),
        ("equal", 9126.0, 90.0, True),
        ("equal", 9126.0, 89.0, False),
        ("at_most", 9216.0, 0.0, True),
        ("at_most", 9215.0, 0.0, False),
        ("at_least", 9217.0, 0.0, False),
        ("at_least", 9000.0, 0.0, True),
    ],
)
def test_an_arithmetic_claim_holds_by_its_relation_and_margin(relation, stated, margin, holds):
    claim = changed(ARITHMETIC, "targets.0.value", stated) | {"relation": relation, "margin": margin}
    assert Claim.model_validate(claim).holds() is holds


def test_only_arithmetic_claims_hold_or_not():
    with pytest.raises(ValueError, match="not arithmetic"):
        Claim.model_validate(SINGLE).holds()


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + ceil((224 - 11) / 4)", 55.0),
        ("1 + floor((224 - 11) / 4)", 54.0),
        ("-2 * (3 - 5)", 4.0),
        ("7 // 2", 3.0),
        ("max(1.5, min(4, 3))", 3.0),
    ],
)
def test_expressions_evaluate(expression, value):
    assert evaluate(expression) == value


@pytest.mark.parametrize(
    "expression", ["1 / 0", "2 +", "open('x')", "a", "2 ** 9", "True", "ceil(x=1)", "(1).real", "ceil()"]
)
def test_anything_but_arithmetic_is_refused(expression):
    with pytest.raises(ValueError, match="arithmetic|evaluated"):
        evaluate(expression)
