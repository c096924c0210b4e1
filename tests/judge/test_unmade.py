"""Why claims have no runs, and the commands that make them, by studies made by hand."""

import pytest
from collect_support import claim, difference_claim, write_run
from study_support import VARIANT

from reproduce.base.validation import validated
from reproduce.judge.unmade import further_command, why_unmade
from reproduce.runs.table import published_runs, read_runs
from reproduce.study.run_id import RunId
from reproduce.study.study import Study

FULL, SHORT = "3.8e13 training operations", "1.7e13 training operations"  # of 80sec in 11 and in 5 epochs
IMAGES = "the ILSVRC-2010 images, which only registered users can get, and a GPU"


def make_study(standard=None, full=None, **changes):
    """Return a study of the variants 80sec, with and without; profiles as {variant: (epochs, seeds)}."""
    lists = {
        profile: {
            name: {"epochs": epochs, "seeds": list(range(1, seeds + 1))} for name, (epochs, seeds) in arms.items()
        }
        for profile, arms in (("standard", standard), ("full", full))
        if arms
    }
    variants = dict.fromkeys(["80sec", "with", "without"], VARIANT)
    fields = {"study": "nets", "dataset": "cifar10", "scale": "own", "variants": variants, "profiles": lists}
    return validated(Study, fields | changes, "study.yaml")


def by_hand(standard=None, full=None, **changes):
    return make_study(standard, full, **({"published_by": "publish", "dataset": "ilsvrc2010"} | changes))


@pytest.fixture
def frame(tmp_path):
    """Return a function that writes runs (variant, epochs, seed) of a study and reads those that count."""

    def read(study, *there):
        place = tmp_path / ("runs" if study.is_trained_by_stages else "external")
        for variant, epochs, seed in there:
            write_run(place, RunId("nets", variant, epochs, seed))
        return read_runs(published_runs(study, tmp_path / "runs"), tmp_path / "runs")

    return read


def test_runs_of_the_standard_profile_are_made_by_their_stages(frame):
    study = make_study({"80sec": (11, 3)})
    why, command = why_unmade(claim(), frame(study), [study])
    assert why == f"the 3 planned runs of 80sec (11 epochs, full schedule; {FULL} each) are not made yet"
    assert command == "dvc repro experiments/nets/dvc.yaml:80sec"


def test_operations_of_a_schedule_that_may_end_sooner_are_an_upper_bound(frame):
    first, *others = VARIANT["phases"]
    rule = {"until": "training_error_reached", "target_error_percent": 25.0}
    study = make_study({"80sec": (11, 1)}, variants={"80sec": VARIANT | {"phases": [first | rule, *others]}})
    why, _ = why_unmade(claim(), frame(study), [study])
    assert why == f"the planned run of 80sec (11 epochs, full schedule; at most {FULL}) is not made yet"


def test_both_arms_are_named_and_one_run_is_one(frame):
    study = make_study({"without": (5, 1), "with": (5, 2)})
    why, command = why_unmade(difference_claim(), frame(study), [study])
    assert why == (
        f"the planned run of without (5 epochs, shortened schedule; {SHORT}) and "
        f"the 2 planned runs of with (5 epochs, shortened schedule; {SHORT} each) are not made yet"
    )
    assert command == "dvc repro experiments/nets/dvc.yaml:without experiments/nets/dvc.yaml:with"
    alone, _ = why_unmade(claim(arms=["without"]), frame(study), [study])
    assert alone == f"the planned run of without (5 epochs, shortened schedule; {SHORT}) is not made yet"


def test_only_the_arm_that_lacks_runs_is_named(frame):
    study = make_study({"without": (11, 2), "with": (11, 2)})
    why, command = why_unmade(difference_claim(), frame(study, ("with", 11, 1)), [study])
    assert why == f"the 2 planned runs of without (11 epochs, full schedule; {FULL} each) are not made yet"
    assert command == "dvc repro experiments/nets/dvc.yaml:without"


def test_runs_of_the_full_profile_are_trained_and_their_time_follows_from_shorter_ones(frame):
    study = make_study({"80sec": (5, 1)}, {"80sec": (11, 3), "with": (11, 2)})
    runs = frame(study, ("80sec", 5, 1))  # 120 s: 24 s an epoch, 264 s for 11
    pair = difference_claim(arms=["80sec", "with"])
    why, command = why_unmade(pair, runs, [study])
    assert why == (
        "the 3 planned runs of 80sec "
        "(11 epochs, full schedule; about 4 min 24 s each, at the pace of its runs of 5 epochs) "
        f"and the 2 planned runs of with (11 epochs, full schedule; {FULL} each) are not made yet"
    )
    assert command == "python -m reproduce train nets 80sec with --profile full"


def test_arms_wait_for_the_longest_length_that_profiles_list_of_both(frame):
    study = make_study({"without": (5, 2), "with": (5, 2)}, {"with": (11, 2)})
    why, command = why_unmade(difference_claim(), frame(study, ("with", 11, 1)), [study])
    without = f"the 2 planned runs of without (5 epochs, shortened schedule; {SHORT} each)"
    assert why.startswith(f"{without} and the 2 planned runs of with (5 ")
    assert command == "dvc repro experiments/nets/dvc.yaml:without experiments/nets/dvc.yaml:with"


def test_a_variant_that_no_profile_lists_says_so_and_has_no_command(frame):
    study = make_study({"with": (11, 2)})
    assert why_unmade(claim(), frame(study), [study]) == ("no profile of study nets lists 80sec", None)
    assert why_unmade(difference_claim(), frame(study), [study]) == ("no profile of study nets lists without", None)
    smoke = make_study({"with": (11, 2)})
    smoke.profiles["smoke"] = study.profiles["standard"] | {"80sec": study.profiles["standard"]["with"]}
    assert why_unmade(claim(), frame(smoke), [smoke])[1] is None, "runs of tests are none"


@pytest.mark.parametrize(
    ("dataset", "needed"),
    [
        ("ilsvrc2010", IMAGES),
        ("ilsvrc2012_subset", IMAGES.replace("2010", "2012")),
        ("cifar10", "a device that most machines lack"),
    ],
)
def test_runs_published_by_hand_need_data_and_device(frame, dataset, needed):
    study = by_hand({"80sec": (11, 3)}, dataset=dataset)
    why, command = why_unmade(claim(), frame(study), [study])
    assert why == f"needs {needed}"
    assert command == "python -m reproduce train nets 80sec --profile standard && python -m reproduce publish nets"


def test_each_arm_is_trained_by_the_smallest_profile_with_its_planned_seeds(frame):
    study = by_hand({"without": (11, 1), "with": (11, 3)}, {"without": (11, 3), "with": (11, 9)})
    why, command = why_unmade(difference_claim(seeds_planned=3), frame(study), [study])
    assert why == f"needs {IMAGES}"
    assert command.split(" && ") == [
        "python -m reproduce train nets without --profile full",
        "python -m reproduce train nets with --profile standard",
        "python -m reproduce publish nets",
    ]
    _, rest = why_unmade(difference_claim(seeds_planned=3), frame(study, ("with", 11, 1)), [study])
    assert rest == "python -m reproduce train nets without --profile full && python -m reproduce publish nets"


def test_an_ensemble_needs_its_nets(frame):
    pairs = {"pair": {"variant": "80sec", "seeds": [[1, 2], [3, 4]]}}
    study = by_hand({"80sec": (11, 2)}, {"80sec": (11, 4)}, ensembles=pairs)
    why, command = why_unmade(claim(arms=["pair"], seeds_planned=2), frame(study), [study])
    assert why == f"needs 4 trained nets of 80sec, averaged in 2 groups, and so {IMAGES}"
    assert command.split(" && ") == [
        "python -m reproduce train nets 80sec --profile full",
        "python -m reproduce ensemble nets pair",
        "python -m reproduce publish nets",
    ]
    unlisted = by_hand({"with": (11, 2)}, ensembles=pairs)
    assert why_unmade(claim(arms=["pair"]), frame(unlisted), [unlisted]) == (
        "no profile of study nets lists 80sec",
        None,
    )
    staged = make_study({"80sec": (11, 4)}, ensembles=pairs)
    why, command = why_unmade(claim(arms=["pair"]), frame(staged), [staged])
    assert why == "the 2 planned runs of pair (4 nets of 80sec to average) are not made yet"
    assert command == "dvc repro experiments/nets/dvc.yaml:80sec && python -m reproduce ensemble nets pair"


def test_a_study_that_was_not_read_is_named(frame):
    study = make_study({"80sec": (11, 3)})
    assert why_unmade(claim(study="others"), frame(study), [study]) == ("study others was not read", None)


def test_a_longer_length_that_an_arm_has_no_run_of_is_a_further_command(frame):
    study = make_study({"without": (5, 1), "with": (5, 1)}, {"without": (11, 2), "with": (11, 2)})
    short = [("without", 5, 1), ("with", 5, 1)]
    both = "python -m reproduce train nets without with --profile full"
    assert further_command(difference_claim(), frame(study, *short), [study]) == both
    assert further_command(difference_claim(), frame(study, ("with", 11, 1)), [study]) == both.replace(" with ", " ")
    assert further_command(difference_claim(), frame(study, ("without", 11, 1)), [study]) is None
