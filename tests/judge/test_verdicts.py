"""Verdicts on run folders: what is estimated, from which runs, and what is said of it."""

import pytest
from collect_support import FakeRunId, FakeStudy, claim, difference_claim, verdict_of, write_run

from reproduce.base.errors import ReproduceError
from reproduce.judge.verdicts import judge
from reproduce.runs.table import read_runs


def test_a_single_value_is_reproduced(make_runs):
    verdict = verdict_of(claim(), make_runs({"80sec": [26.0, 26.4, 25.8], "other": [60.0]}))
    half = 4.3027 * 0.30551 / 3**0.5
    assert verdict.verdict == "reproduced"
    assert (verdict.estimate, verdict.half_width) == pytest.approx((26.0667, half), abs=1e-3)
    assert (verdict.n_seeds, verdict.unit, verdict.target_value, verdict.target_kind) == (
        3,
        "percent",
        26.0,
        "published",
    )
    assert verdict.runs == [f"nets/80sec/epochs11/seed{seed}" for seed in (1, 2, 3)]
    assert verdict.why == "95 % interval 25.31 to 26.83 % lies inside 25.00 to 27.00"
    assert (verdict.scale, verdict.schedule, verdict.seeds_to_settle) == ("own", "full", None)


def test_a_single_value_is_not_reproduced(make_runs):
    verdict = verdict_of(claim(), make_runs({"80sec": [28.0, 28.1, 28.2]}))
    assert verdict.verdict == "not reproduced"
    assert "lies outside 25.00 to 27.00" in verdict.why


def test_better_is_no_failure(make_runs):
    better = verdict_of(claim(better_is_no_failure=True), make_runs({"80sec": [20.0, 20.1, 20.2]}))
    assert better.verdict == "reproduced"
    assert better.why.endswith("lies inside at most 27.00")


def test_inconclusive_says_what_would_settle_it(make_runs):
    verdict = verdict_of(claim(), make_runs({"80sec": [26.5, 27.1]}))
    # std 0.42426, the edge is 0.2 away: 19 seeds reach 2.1009 x 0.42426 / sqrt(19) = 0.2045, 20 reach 0.1986
    assert verdict.verdict == "inconclusive"
    assert verdict.seeds_to_settle == 20
    assert verdict.half_width == pytest.approx(12.7062 * 0.42426 / 2**0.5, abs=1e-3)
    assert verdict.why.endswith("overlaps 25.00 to 27.00; about 20 seeds would settle it")


def test_one_seed_is_inconclusive_with_the_interval_of_its_images(make_runs):
    verdict = verdict_of(claim(seeds_planned=1), make_runs({"80sec": [26.0]}))
    assert verdict.verdict == "inconclusive"
    assert verdict.method == "one seed; Wilson, 10000 images"
    assert (verdict.low, verdict.high) == pytest.approx((25.150, 26.869), abs=2e-3)
    assert verdict.why == "one seed only; two or more are needed"


def test_neither_verdict_nor_interval_before_the_planned_seeds(make_runs):
    verdict = verdict_of(claim(seeds_planned=12), make_runs({"80sec": [26.0, 26.1, 25.9]}))
    assert (verdict.verdict, verdict.estimate, verdict.low, verdict.high) == ("inconclusive", 26.0, None, None)
    assert verdict.why == "interval and verdict wait for the planned seeds: 3 of 12 are made"


def test_one_seed_of_anything_but_a_test_error_has_no_interval(make_runs):
    verdict = verdict_of(claim(estimand="training_seconds"), make_runs({"80sec": [26.0]}))
    assert (verdict.verdict, verdict.low, verdict.estimate) == ("inconclusive", None, 120.0)


def test_a_shortened_schedule_neither_reproduces_nor_refutes(make_runs):
    inside = verdict_of(claim(), make_runs({"80sec": [26.0, 26.1, 25.9]}, schedule="shortened"))
    assert (inside.verdict, inside.schedule) == ("inconclusive", "shortened")
    assert (
        "the schedule is shortened to 11 epochs, so the published figure is neither reproduced nor refuted"
        in inside.why
    )
    assert inside.why.endswith("more seeds would not settle it")


def test_a_value_far_off_on_a_shortened_schedule_is_inconclusive(make_runs):
    verdict = verdict_of(claim(), make_runs({"80sec": [36.0, 36.1, 35.9]}, schedule="shortened"))
    assert verdict.verdict == "inconclusive"


def test_another_data_set_is_reduced_scale(make_runs):
    frame = make_runs({"with": [11.0, 11.2, 11.1], "without": [13.1, 13.0, 13.2]})
    verdict = verdict_of(difference_claim(dataset="ILSVRC-2012"), frame)
    assert (verdict.verdict, verdict.scale) == ("direction reproduced", "reduced")
    assert "reduced scale, so the published figure itself is not judged" in verdict.why


def test_a_missing_run_is_said_and_the_rest_is_judged(make_runs):
    verdict = verdict_of(claim(), make_runs({"80sec": [26.0, 26.4, 25.8, None]}))
    assert (verdict.verdict, verdict.n_seeds) == ("reproduced", 3)
    assert verdict.why.endswith("1 of 4 listed runs missing")


def test_a_seed_left_out_below_one_that_is_there_withholds_a_good_verdict(make_runs):
    verdict = verdict_of(claim(), make_runs({"80sec": [26.0, None, 25.8, 26.4]}))
    assert (verdict.verdict, verdict.n_seeds) == ("inconclusive", 3)
    assert verdict.why.endswith("1 of 4 listed runs missing")


def test_a_diverged_run_withholds_a_good_verdict(tmp_path, make_runs):
    run_ids = [FakeRunId(seed=seed) for seed in range(1, 5)]
    make_runs({"80sec": [26.0, 26.4, 25.8]})
    write_run(tmp_path, run_ids[3], metrics={"test_top1_error_percent": None})
    verdict = verdict_of(claim(), read_runs(run_ids, tmp_path))
    assert (verdict.verdict, verdict.n_seeds) == ("inconclusive", 3)
    assert verdict.why.endswith("a run that gave no value cannot be averaged over; 1 of 4 listed runs diverged")
    assert str(run_ids[3]) in verdict.runs


def test_only_diverged_runs_are_inconclusive(make_runs):
    frame = make_runs({"80sec": [26.0, 26.0]}, metrics={"test_loss_nats": None})
    verdict = verdict_of(claim(), frame)
    assert (verdict.verdict, verdict.estimate) == ("inconclusive", None)
    assert "2 of 2 listed runs diverged" in verdict.why


def test_a_claim_without_a_study_is_not_run_for_the_reason_it_gives(make_runs):
    without_study = {"study": None, "arms": [], "not_run": {"reason": "needs ILSVRC", "command": "python -m x"}}
    stated = verdict_of(claim(**without_study), make_runs({"80sec": [26.0]}))
    assert (stated.verdict, stated.why, stated.command) == ("not run", "needs ILSVRC", "python -m x")


def test_not_run_gives_the_reason_and_command_of_its_study(make_runs):
    study = FakeStudy("nets", [FakeRunId(seed=1), FakeRunId(seed=2)])
    missing = verdict_of(claim(), make_runs({"80sec": [None, None]}), studies=[study])
    assert (missing.verdict, missing.command) == ("not run", "dvc repro experiments/nets/dvc.yaml:80sec")
    assert missing.why == "the 2 planned runs of 80sec (11 epochs, full schedule) are not made yet"


def test_a_difference_with_one_arm_missing_is_not_run(make_runs):
    study = FakeStudy("nets", [FakeRunId(variant="with", seed=1), FakeRunId(variant="without", seed=1)])
    frame = make_runs({"with": [11.0], "without": [None]})
    verdict = verdict_of(difference_claim(), frame, studies=[study])
    assert (verdict.verdict, verdict.command) == ("not run", "dvc repro experiments/nets/dvc.yaml:without")


def arithmetic(stated, expression, derived, **changes):
    targets = [
        {"value": stated, "unit": "count", "kind": "claimed", "where": "text"},
        {"value": derived, "unit": "count", "kind": "derived", "where": "by hand", "expression": expression},
    ]
    fields = {"kind": "arithmetic", "targets": targets, "estimand": None, "arms": [], "study": None, "margin": 0.0}
    return claim(**(fields | changes))


def test_arithmetic_is_true_or_false(make_runs):
    frame = make_runs({})
    typo = verdict_of(arithmetic(9126.0, "256 * 6 * 6", 9216.0), frame)
    assert (typo.verdict, typo.why) == ("false", "256 * 6 * 6")
    size = verdict_of(arithmetic(55.0, "1 + ceil((224 - 11) / 4)", 55.0), frame)
    assert size.verdict == "true"
    crops = verdict_of(arithmetic(2048.0, "33 * 33 * 2", 2178.0), frame)
    assert crops.verdict == "false"


def test_a_source_check_is_passed_through(make_runs):
    found = {"finding": "exaggerated", "why": "37 %, not half", "sources": ["russakovsky2015"]}
    fields = {"kind": "source_check", "study": None, "arms": [], "estimand": None, "margin": None, "margin_why": None}
    verdict = verdict_of(claim(**fields, source_check=found), make_runs({}))
    assert (verdict.verdict, verdict.source_check, verdict.why) == ("source check", "exaggerated", "37 %, not half")
    measured = verdict_of(claim(source_check=found), make_runs({"80sec": [26.0, 26.4, 25.8]}))
    assert (measured.verdict, measured.source_check) == ("reproduced", "exaggerated")


def test_runs_of_different_kinds_are_not_averaged(tmp_path):
    run_ids = [FakeRunId(seed=1), FakeRunId(seed=2)]
    write_run(tmp_path, run_ids[0])
    write_run(tmp_path, run_ids[1], precision="bf16")
    with pytest.raises(ReproduceError, match="nets/80sec mix precision bf16, fp32"):
        judge([claim()], read_runs(run_ids, tmp_path))


@pytest.mark.parametrize("estimand", ["test_top9_error_percent", "git_commit"])
def test_an_unknown_estimand_is_an_error(make_runs, estimand):
    with pytest.raises(ReproduceError, match=f"no metric '{estimand}'"):
        judge([claim(estimand=estimand)], make_runs({"80sec": [26.0, 26.1]}))


def test_a_claim_is_judged_at_the_length_it_fixes(tmp_path):
    run_ids = [FakeRunId(epochs=epochs, seed=seed) for epochs in (11, 40) for seed in (1, 2, 3)]
    for run_id, error in zip(run_ids, (26.0, 26.1, 25.9, 20.0, 20.1, 19.9), strict=True):
        write_run(tmp_path, run_id, error=error)
    runs = read_runs(run_ids, tmp_path)
    assert verdict_of(claim(epochs=[11]), runs).estimate == pytest.approx(26.0)
    assert verdict_of(claim(), runs).estimate == pytest.approx(20.0)
    assert verdict_of(claim(epochs=[90]), runs).verdict == "not run"


def test_an_arm_may_be_of_another_study(tmp_path):
    run_ids = [FakeRunId(study=study, variant="net", seed=seed) for study in ("nets", "others") for seed in (1, 2, 3)]
    for run_id, error in zip(run_ids, (26.0, 26.1, 25.9, 28.0, 28.2, 28.1), strict=True):
        write_run(tmp_path, run_id, error=error)
    verdict = verdict_of(difference_claim(arms=["others/net", "net"], study="nets"), read_runs(run_ids, tmp_path))
    assert verdict.estimate == pytest.approx(2.1)
