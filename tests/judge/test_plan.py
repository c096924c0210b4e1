"""The plan for inconclusive verdicts: how many seeds, which, how long, what to edit, and the command."""

import pytest
from collect_support import claim, difference_claim, write_run
from study_support import VARIANT

from reproduce.base.validation import validated
from reproduce.judge import plan
from reproduce.study.run_id import RunId
from reproduce.study.study import Study


def lengths(arms):
    return [{"epochs": epochs, "seeds": seeds} for epochs, seeds in arms]


def make_study(profiles, **changes):
    variants = dict.fromkeys(["with", "without", "80sec"], VARIANT)
    lists = {
        profile: {name: lengths(arm) if isinstance(arm, list) else lengths([arm])[0] for name, arm in arms.items()}
        for profile, arms in profiles.items()
    }
    fields = {"study": "nets", "dataset": "cifar10", "scale": "own", "variants": variants, "profiles": lists}
    return validated(Study, fields | changes, "study.yaml")


@pytest.fixture
def planned(tmp_path):
    """Return a function that writes the runs {(variant, epochs): errors} and returns the plan's lines."""

    def lines(study, errors, *names, claims=(), **changes):
        place = tmp_path / ("runs" if study.is_trained_by_stages else "external")
        for (variant, epochs), values in errors.items():
            for seed, error in enumerate(values, 1):
                if error is not None:
                    write_run(place, RunId("nets", variant, epochs, seed), error=error, **changes)
        return plan.plan_text(names, [study], claims or [difference_claim()], tmp_path / "runs").splitlines()

    return lines


# Standard deviation sqrt(0.32 + 0.405) = 0.8515 of a difference of 1.05: four seeds an arm give 2.447 x 0.8515 / 2 =
# 1.042, three 2.776 x 0.8515 / sqrt(3) = 1.365, so four exclude zero.
ERRORS = {("without", 11): [12.0, 12.9], ("with", 11): [11.0, 11.8]}
TWO_AND_TWO = {"standard": {"without": (11, [1, 2]), "with": (11, [1, 2])}}


def test_a_plan_names_seeds_time_edit_and_commands(planned):
    first, *rest = planned(make_study(TWO_AND_TWO), ERRORS)
    assert first.startswith("gain: inconclusive: 95 % interval ") and first.endswith(
        "about 4 seeds per arm would settle it"
    )
    # Welch's degrees with two seeds each: 0.725^2 / (0.32^2 + 0.405^2) = 1.9729, t 4.342 x 0.6021 = 2.61 or so
    assert rest[0].startswith("  half-width reached: 2.6") and rest[0].endswith(" points, by 2 and 2 seeds")
    more = "2 there, 2 more of 11 epochs, seeds 3, 4: about 4 min 00 s, 2 min 00 s each as published"
    assert rest[1:] == [
        "  wanted: 4 seeds per arm, if value and spread stay",
        f"  without: {more}",
        f"  with: {more}",
        "  edit experiments/nets/study.yaml: profiles.standard.without.seeds: add seeds 3, 4; "
        "profiles.standard.with.seeds: add seeds 3, 4; commit it",
        "  then: dvc repro experiments/nets/dvc.yaml:without",
        "  then: dvc repro experiments/nets/dvc.yaml:with",
        "",
        "in all: 4 runs, about 8 min 00 s one after another",
    ]


def test_the_larger_arm_gets_fewer(planned):
    study = make_study({"standard": {"without": (11, [1, 2, 3, 4, 5]), "with": (11, [1, 2])}})
    errors = ERRORS | {("without", 11): [12.0, 12.9, 12.1, 12.8, 12.4], ("with", 11): [11.0, 13.8]}
    text = "\n".join(planned(study, errors, claims=[difference_claim(seeds_planned=2)]))
    wanted = int(text.partition("wanted: ")[2].split()[0])
    assert wanted > 5
    assert f"without: 5 there, {wanted - 5} more" in text
    assert f"with: 2 there, {wanted - 2} more of 11 epochs, seeds 3 to {wanted}" in text


def test_listed_runs_need_no_edit(planned):
    study = make_study({"standard": {"without": (11, [1, 2, 3, 4]), "with": (11, [1, 2, 3])}})
    errors = {("without", 11): [12.0, 12.9, None, None], ("with", 11): [11.0, 11.8, None]}
    text = "\n".join(planned(study, errors))
    assert "without: 2 there, 2 more of 11 epochs, seeds 3, 4" in text
    assert "with: 2 there, 2 more of 11 epochs, seeds 3, 4" in text
    assert "study.yaml: profiles.standard.with.seeds: add seed 4; commit it" in text


def test_a_seed_left_out_is_trained_before_others_are_added(planned):
    study = make_study({"standard": {"80sec": (11, [1, 2, 3, 4])}})
    lines = planned(study, {("80sec", 11): [26.0, None, 25.8, 26.4]}, claims=[claim(seeds_planned=3)])
    assert "  80sec: 3 there, 1 more of 11 epochs, seed 2: about 2 min 00 s, 2 min 00 s each as published" in lines
    assert not [line for line in lines if "edit" in line]
    assert "  then: dvc repro experiments/nets/dvc.yaml:80sec" in lines


def test_the_planned_seeds_come_first_even_where_fewer_would_settle_it(planned):
    errors = {("without", 11): [13.0, 13.1], ("with", 11): [11.0, 11.1]}
    lines = planned(make_study(TWO_AND_TWO), errors, claims=[difference_claim(seeds_planned=5)])
    assert "  wanted: 5 seeds per arm, as its claim plans" in lines


def test_one_seed_shows_no_spread_to_plan_by(planned):
    study = make_study({"standard": {"80sec": (11, [1])}})
    lines = planned(study, {("80sec", 11): [26.0]}, claims=[claim(seeds_planned=3)])
    assert "  half-width reached: not before all planned seeds (1 there)" in lines
    assert "  wanted: 3 seeds, as its claim plans" in lines
    alone = planned(study, {}, claims=[claim(seeds_planned=1)])
    assert "  half-width reached: none over seeds (1 there)" in alone
    unplanned = planned(study, {}, claims=[claim()])
    assert "  wanted: 2 seeds, to see a spread" in unplanned


def test_seeds_beyond_those_planned_are_to_be_planned_first(planned):
    lines = planned(make_study(TWO_AND_TWO), ERRORS, claims=[difference_claim(seeds_planned=2)])
    assert lines[2] == "  wanted: 6 seeds per arm, if value and spread stay"  # 4, but for the second look
    assert lines[3].startswith("  first: gain.seeds_planned: 6 in paper_notes/claims.yaml, with looked_at_seeds: [2]")


def test_a_plan_says_that_an_arm_is_that_of_other_claims_too(planned):
    claims = [difference_claim(), difference_claim(id="other", arms=["80sec", "with"])]
    lines = planned(make_study(TWO_AND_TWO), ERRORS, "gain", claims=claims)
    assert "  more seeds of with concern other claims too: 1" in lines
    assert not [line for line in lines if line.startswith("  more seeds of without")]


def test_a_single_value_on_a_shortened_schedule_cannot_be_settled(planned):
    study, waiting = make_study({"standard": {"80sec": (5, [1])}}), [claim(seeds_planned=3)]
    lines = planned(study, {("80sec", 5): [36.0]}, claims=waiting, schedule="shortened")
    assert lines[-1] == "  more seeds of this length would not settle it"
    longer = make_study({"standard": {"80sec": (5, [1])}, "full": {"80sec": (11, [1, 2, 3])}})
    lines = planned(longer, {}, claims=waiting)
    further = "python -m reproduce train nets 80sec --profile full"
    assert lines[-1] == f"  more seeds of this length would not settle it; further: {further}"


def test_runs_that_gave_no_value_are_not_outnumbered(planned):
    study = make_study({"standard": {"80sec": (11, [1, 2, 3])}})
    lines = planned(study, {("80sec", 11): [26.0, 26.1, 26.2]}, claims=[claim(seeds_planned=3)], status="failed")
    assert lines[-1] == "  a run that gave no value withholds a good verdict; look into it before adding seeds"


def test_an_effect_within_the_smallest_of_interest_asks_for_no_more_seeds(planned):
    small = difference_claim(None, None, negligible_within=0.5, seeds_planned=3)
    study = make_study({"standard": {"without": (11, [1, 2, 3]), "with": (11, [1, 2, 3])}})
    lines = planned(study, {("without", 11): [11.2, 11.1, 11.3], ("with", 11): [11.0, 11.2, 11.1]}, claims=[small])
    assert lines == ["no verdict is inconclusive"]


def test_time_is_unknown_where_it_was_not_recorded(planned):
    lines = planned(make_study(TWO_AND_TWO), ERRORS, training_seconds=None)
    assert "  with: 2 there, 2 more of 11 epochs, seeds 3, 4: time unknown, none of this length is published" in lines
    assert lines[-1] == "in all: 4 runs, time unknown"


def test_the_half_width_of_a_ratio_is_a_factor(planned):
    ratio = difference_claim(None, None, kind="ratio")
    lines = planned(make_study(TWO_AND_TWO), ERRORS, claims=[ratio])
    factor = float(lines[1].partition("a factor of ")[2].split()[0])
    # logs differ by 0.0889 with variances 0.00262 and 0.00247: 4.31 x sqrt(0.00254) = 0.217 or so
    assert factor == pytest.approx(2.71828**0.217, abs=0.01)


def test_the_full_profile_is_trained_by_its_own_command(planned):
    study = make_study({"standard": {}, "full": {"without": (11, [1, 2]), "with": (11, [1, 2])}})
    lines = planned(study, ERRORS)
    assert "  then: python -m reproduce train nets without --profile full" in lines
    assert [line for line in lines if "profiles.full.without.seeds: add seeds 3, 4" in line]


def test_seeds_that_only_the_full_profile_lists_at_a_length_of_standard_are_added_there(planned):
    lists = {"without": (11, [1, 2]), "with": (11, [1, 2])}
    study = make_study({"standard": lists, "full": lists | {"without": (11, [1, 2, 3, 4])}})
    lines = planned(study, ERRORS)
    assert "  then: dvc repro experiments/nets/dvc.yaml:without" in lines
    assert [line for line in lines if "profiles.standard.without.seeds: add seeds 3, 4" in line]


def test_seeds_are_added_at_the_length_that_is_judged_where_there_are_several(planned):
    lists = {name: [(5, [1, 2, 3]), (11, [1, 2])] for name in ("without", "with")}
    lines = planned(make_study({"standard": lists}), ERRORS)
    assert "  then: dvc repro experiments/nets/dvc.yaml:without-epochs11" in lines
    assert [line for line in lines if "profiles.standard.without.seeds at 11 epochs: add seeds 3, 4" in line]


def test_runs_published_by_hand_are_trained_and_published(planned):
    listed = {"standard": {"without": (11, [1, 2])}, "full": {"without": (11, [1, 2, 3, 4]), "with": (11, [1, 2])}}
    study = make_study(listed, dataset="ilsvrc2012", published_by="publish")
    text = "\n".join(planned(study, ERRORS))
    for arm in ("without", "with"):  # two seeds of the former are listed already, in the full profile
        assert f"then: python -m reproduce train nets {arm} --profile full && python -m reproduce publish nets" in text
    assert "study.yaml: profiles.full.with.seeds: add seeds 3, 4; commit it" in text


def test_a_named_claim_that_is_settled_gets_its_verdict(planned):
    study = make_study({"standard": {"80sec": (11, [1, 2, 3])}})
    lines = planned(study, {("80sec", 11): [26.0, 26.1, 26.2]}, "cifar10-80sec-error", claims=[claim()])
    assert lines == ["cifar10-80sec-error: reproduced: 95 % interval 25.85 to 26.35 % lies inside 25.00 to 27.00"]


def test_a_named_study_gives_its_inconclusive_claims_or_says_that_there_are_none(planned):
    study, both = make_study(TWO_AND_TWO), [difference_claim(), claim(study=None, arms=[], not_run={"reason": "later"})]
    assert planned(study, ERRORS, "nets", claims=both)[0].startswith("gain: inconclusive")
    assert planned(study, {}, "nets", claims=[claim()]) == ["nets: no verdict is inconclusive (not run 1)"]
    assert planned(study, {}, "nets", claims=both[1:]) == ["nets: no claim is judged by it"]
    assert planned(study, {}, claims=both[1:]) == ["no verdict is inconclusive"]
