"""A published run looked at again: its error recomputed, and the comparison with a new training."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from collect_support import run_record
from stored_runs import write_labels

from reproduce import cli
from reproduce.base import paths
from reproduce.base.errors import ReproduceError
from reproduce.data.registry import DATASETS
from reproduce.runs import places
from reproduce.runs.recount import evaluate_run
from reproduce.study.run_id import RunId
from reproduce.train import rerun
from reproduce.train.launch import Launch
from reproduce.train.record import npz_bytes

RUN = RunId("nets", "tiny", 2, 1)
PLAIN = Launch()


def write(folder, predicted, error, threads=1, features=None, source_sha256="one"):
    folder.mkdir(parents=True)
    machine = {"cpu": "A", "cores": 2, "threads": threads, "gpu": None, "torch": "2"}
    machine |= {"features": features} if features else {}
    record = run_record(RUN, git_commit="1234567890", source_sha256=source_sha256, machine=machine)
    (folder / "run.json").write_text(json.dumps(record))
    metrics = {
        "test_images": len(predicted),
        "test_top1_error_percent": error,
        "test_loss_nats": 1.0,
        "training_top1_error_percent": 5.0,
        "updates": 10,
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))
    (folder / "predictions.npz").write_bytes(npz_bytes({"test_predicted": np.array(predicted, dtype=np.uint8)}))
    return folder


def use_labels(monkeypatch, dataset, labels):
    """Let a data set consist of nothing but test labels."""
    data = SimpleNamespace(test_labels=lambda folder: np.array(labels))
    monkeypatch.setitem(DATASETS, dataset, replace(DATASETS[dataset], official=lambda: data))


@pytest.fixture
def published(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "RESULTS", tmp_path)
    write_labels(tmp_path, [0, 1, 2, 3])
    return tmp_path


def test_the_error_comes_from_the_predictions(published):
    write(places.found_at(RUN), [0, 1, 2, 9], 25.0)
    text = evaluate_run(RUN)
    assert "1 of 4 test images wrong, 25.00 %" in text
    assert "4.56 to 69.94 %" in text  # Wilson, worked by hand for 1 of 4


def test_labels_are_those_of_the_runs_own_data_set(published, monkeypatch):
    folder = write(places.found_at(RUN), [3, 2, 9], 100 / 3)  # of the first three of four test images
    run = json.loads((folder / "run.json").read_text()) | {"dataset": "fashion_mnist"}
    (folder / "run.json").write_text(json.dumps(run))
    use_labels(monkeypatch, "fashion_mnist", [3, 2, 1, 0])
    assert "1 of 3 test images wrong" in evaluate_run(RUN)


def test_metrics_that_contradict_the_predictions_are_an_error(published):
    write(places.found_at(RUN), [0, 1, 9, 9], 25.0)
    with pytest.raises(ReproduceError, match=r"gives 50\.0 % but metrics\.json says 25\.0 %"):
        evaluate_run(RUN)


def test_a_run_that_is_not_published_is_an_error(published):
    with pytest.raises(ReproduceError, match="is not published"):
        evaluate_run(RUN)
    with pytest.raises(ReproduceError, match="is not published"):
        rerun.rerun(RUN, Launch())


@pytest.fixture
def rerun_as(published, monkeypatch):
    """Return ``rerun.rerun`` of RUN, whose training makes the error, predictions and record it is given."""

    def compare(predicted, error, launch=PLAIN, **record):
        def train(run, folder, launch):
            assert folder == published / "reruns" / str(RUN)
            return write(folder, predicted, error, launch.threads, **record)

        monkeypatch.setattr(rerun, "train_run", train)
        return rerun.rerun(RUN, launch)

    return compare


def publish_seeds(*errors):
    """Publish seeds 1, 2, ... of RUN's variant and length, and one of another length that must not count."""
    for seed, error in enumerate(errors, 1):
        write(places.found_at(RunId("nets", "tiny", 2, seed)), [0, 1, 2, 9], error)
    write(places.found_at(RunId("nets", "tiny", 3, 1)), [0, 1, 2, 9], 90.0)


def test_a_rerun_goes_beside_the_published_run_and_is_compared(rerun_as):
    write(places.found_at(RUN), [0, 1, 2, 9], 25.0)
    text = rerun_as([0, 1, 9, 9], 50.0).text
    assert "75.00 % of the test images get the same prediction" in text
    assert "is the same in processor, threads, GPU and torch" in text  # as many threads as the published run
    row = next(line for line in text.splitlines() if "test_top1" in line)
    assert [cell.strip() for cell in row.split("|")[2:4]] == ["25", "50"]


def test_the_same_machine_gives_the_same_digits_wherever_they_lie(rerun_as):
    """The rerun equals the first of 20 seeds, which lies 4 standard deviations from their mean."""
    publish_seeds(30.0, *[25.0] * 19)
    comparison = rerun_as([0, 1, 2, 9], 30.0)
    assert "and so is every compared digit, as it should be." in comparison.text
    assert "The rerun lies outside it." in comparison.text and comparison.failure is None


def test_other_digits_on_the_same_machine_are_noted(rerun_as):
    publish_seeds(25.0, 26.0, 27.0)
    comparison = rerun_as([0, 1, 9, 9], 26.5)
    assert "Note: the digits differ even so: training is not deterministic; please report it." in comparison.text
    assert comparison.failure is None


def test_other_digits_may_come_from_a_change_of_the_package(rerun_as):
    publish_seeds(25.0, 26.0, 27.0)
    text = rerun_as([0, 1, 2, 8], 25.0, source_sha256="other").text  # the same error by another prediction
    assert "even so: the package rounds otherwise than at commit 1234567, which made the published run, or " in text


@pytest.mark.parametrize(
    ("error", "side"), [(30.96, "inside"), (21.04, "inside"), (30.98, "outside"), (21.0, "outside")]
)
def test_on_another_machine_the_spread_over_seeds_decides(rerun_as, error, side):
    # mean 26, s = 1, n = 3, t of 2 degrees of freedom 4.3027: 4.3027 * sqrt(4/3) = 4.968
    publish_seeds(25.0, 26.0, 27.0)
    comparison = rerun_as([0, 1, 9, 9], error, Launch(threads=2))
    assert "The machine differs: threads 1 then, 2 now. Rounding may differ with it" in comparison.text
    assert f"Test error: 25.00 % published, {error:.2f} % in the rerun ({error - 25:+.2f} points)." in comparison.text
    assert (
        "The 3 published seeds have a mean of 26.00 % and a standard deviation of 1.00 points; "
        f"the 95 % prediction interval for one new run is 21.03 to 30.97 %.\nThe rerun lies {side} it."
    ) in comparison.text
    outside = (
        f"nets/tiny/epochs2/seed1: the rerun's test error of {error:.2f} % lies outside 21.03 to 30.97 %, "
        "where 19 of 20 new runs are expected by the 3 published seeds"
    )
    assert comparison.failure == (outside if side == "outside" else None)
    assert "not deterministic" not in comparison.text


def test_equal_digits_on_another_machine_are_said(rerun_as):
    publish_seeds(25.0, 26.0, 27.0)
    text = rerun_as([0, 1, 2, 9], 25.0, Launch(threads=2)).text
    assert "Every compared digit is the same even so." in text


def test_a_record_that_names_no_instructions_leaves_the_processor_open(rerun_as):
    publish_seeds(25.0, 26.0, 27.0)
    text = rerun_as([0, 1, 9, 9], 26.5, features="avx2").text
    assert "The machine differs: features not recorded then, avx2 now." in text


def test_every_machine_that_a_run_was_trained_on_counts(rerun_as):
    publish_seeds(25.0, 26.0, 27.0)
    path = places.found_at(RUN) / "run.json"
    record = json.loads(path.read_text())
    sessions = [{"machine": record["machine"] | {"cpu": "B"}}, {"machine": record["machine"]}]
    path.write_text(json.dumps(record | {"sessions": sessions}))
    assert "The machine differs: cpu B then, A now." in rerun_as([0, 1, 9, 9], 26.5).text


def test_seeds_of_equal_error_predict_the_same_error(rerun_as):
    publish_seeds(90.1, 90.1, 90.1)
    assert rerun_as([0, 1, 9, 9], 90.1, Launch(threads=2)).failure is None


@pytest.mark.parametrize("errors", [(25.0,), (25.0, 26.0)])
def test_two_seeds_give_no_spread(rerun_as, errors):
    publish_seeds(*errors)
    comparison = rerun_as([0, 1, 9, 9], 60.0, Launch(threads=2))
    known = f"published seeds of this variant and length: {len(errors)}; at least 3 are needed"
    assert (
        f"The spread over seeds is unknown ({known}), so the two errors can be compared only roughly."
        in comparison.text
    )
    assert comparison.failure is None


def test_a_rerun_outside_the_spread_ends_the_command_with_an_error(rerun_as, monkeypatch, capsys):
    publish_seeds(25.0, 26.0, 27.0)
    outside = rerun_as([0, 1, 9, 9], 40.0, Launch(threads=2))
    monkeypatch.setattr(rerun, "rerun", lambda run, launch: outside)
    assert cli.main(["rerun", str(RUN)]) == 2
    captured = capsys.readouterr()
    assert "The rerun lies outside it." in captured.out
    assert captured.err == f"error: {outside.failure}\n"
    inside = rerun.Reran(outside.text, None)
    monkeypatch.setattr(rerun, "rerun", lambda run, launch: inside)
    assert cli.main(["rerun", str(RUN)]) == 0


def test_a_run_that_recorded_hits_needs_no_labels(published):
    """Runs on ILSVRC, among the external ones: 20 images, of which the first three are wrong."""
    folder = write(published / "external" / str(RUN), [], 15.0)
    metrics = json.loads((folder / "metrics.json").read_text()) | {"test_images": 20}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    bits = np.packbits([False] * 3 + [True] * 17)
    (folder / "predictions.npz").write_bytes(npz_bytes({"test_top1_correct_bits": bits}))
    assert "3 of 20 test images wrong, 15.00 %" in evaluate_run(RUN)
