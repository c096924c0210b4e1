"""Trains a published run again, and compares the two."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reproduce.runs import places
from reproduce.runs.labels import answers, answers_by_metric
from reproduce.runs.recount import TOP1, published_folder
from reproduce.runs.run_files import arrays_of_run, needed, read_metrics, read_record
from reproduce.runs.statistics import Estimate, prediction_interval
from reproduce.study.run_id import RunId
from reproduce.train.launch import Launch
from reproduce.train.run import train_run

_DECIDING = ("cpu", "features", "threads", "gpu", "torch")  # facts of a machine that decide rounding
_COMPARED = (TOP1, "test_loss_nats", "training_top1_error_percent", "updates")
_LEAST_SEEDS = 3  # two give a prediction interval of 16 standard deviations on either side
_ROUNDING = 1e-9  # percent: the mean of equal errors may differ from them in its last digit


@dataclass(frozen=True)
class Reran:
    """A rerun compared with its published run.

    Attributes:
        text: both runs side by side, what differs in the machine, and the spread over the published seeds.
        failure: a sentence that says that the rerun lies outside that spread; None where it does not.
    """

    text: str
    failure: str | None


def rerun(run: RunId, launch: Launch) -> Reran:
    """Train a published run again into results/reruns/ and compare the two.

    Raises:
        ReproduceError: the run is not published, or anything ``train_run`` raises.
    """
    published = published_folder(run)
    record = read_record(published)
    seeds, old = _spread(published), read_metrics(published)  # a damaged file shows before hours of training
    compared = [name for name in _COMPARED if "encoder" not in record["config"] or name.endswith("_percent")]
    old = {name: needed(old, name, published) for name in (*compared, "test_images")}
    if launch.threads is None:
        launch = replace(launch, threads=record["machine"]["threads"])
    folder = train_run(run, places.reran_to(run), launch)
    new = read_metrics(folder)
    rows = [{"": name, "published": old[name], "rerun": new[name]} for name in compared]
    table = pd.DataFrame(rows).to_markdown(index=False, floatfmt=".6g")
    first, second = (_answers(place, old["test_images"]) for place in (published, folder))
    same = 100 * float((first == second).mean())
    is_equal = same == 100 and all(old[name] == new[name] for name in compared)
    machine = _machine(record, read_record(folder), is_equal)
    spread, failure = _against_seeds(seeds, old[TOP1], new[TOP1])
    text = f"\n{run}\n\n{table}\n\n{same:.2f} % of the test images get the same prediction. {machine}\n{spread}"
    return Reran(text, None if is_equal or failure is None else f"{run}: {failure}")


def _answers(folder: Path, images: int) -> np.ndarray:
    """Return a run's answer for each test image."""
    predictions = arrays_of_run(folder / "predictions.npz")
    return answers(predictions, answers_by_metric(predictions)[TOP1], images)


def _machine(published: Mapping[str, Any], again: Mapping[str, Any], is_equal: bool) -> str:
    """Return in words whether both runs were trained on the same machine, and whether their digits should agree.

    A fact that one of the records lacks counts as a difference.
    """
    changed = [
        f"{name} {then} then, {now} now"
        for name in _DECIDING
        for then in _values(published, name)
        for now in _values(again, name)
        if then != now
    ]
    if changed:
        even_so = " Every compared digit is the same even so." if is_equal else ""
        return (
            f"The machine differs: {'; '.join(changed)}. Rounding may differ with it, and training amplifies that: "
            f"the rerun is another draw, to be compared with the spread over seeds.{even_so}"
        )
    text = "The machine is the same in processor, threads, GPU and torch"
    if is_equal:
        return f"{text}, and so is every compared digit, as it should be."
    reason = "training is not deterministic; please report it."
    if published["source_sha256"] != again["source_sha256"]:
        commit = str(published["git_commit"])[:7]
        reason = f"the package rounds otherwise than at commit {commit}, which made the published run, or {reason}"
    return f"{text}.\nNote: the digits differ even so: {reason}"


def _values(record: Mapping[str, Any], name: str) -> list[Any]:
    """Return the values under ``name`` of the machines that a run's sessions used, each once."""
    machines = [session["machine"] for session in record.get("sessions", [record])]
    return list(dict.fromkeys(machine.get(name, "not recorded") for machine in machines))


def _spread(published: Path) -> Estimate:
    """Return the test error to expect of one new run, in percent, from all published seeds of the same variant."""
    finished = [path for path in published.parent.glob("seed*") if read_record(path)["status"] == "finished"]
    return prediction_interval([needed(read_metrics(path), TOP1, path) for path in finished])


def _against_seeds(seeds: Estimate, old: float, new: float) -> tuple[str, str | None]:
    """Return in words the two errors and the seeds' spread, and a further sentence where the rerun lies outside it."""
    text = f"Test error: {old:.2f} % published, {new:.2f} % in the rerun ({new - old:+.2f} points)."
    if seeds.n < _LEAST_SEEDS:
        return (
            f"{text}\nThe spread over seeds is unknown (published seeds of this variant and length: {seeds.n}; "
            f"at least {_LEAST_SEEDS} are needed), so the two errors can be compared only roughly.",
            None,
        )
    interval = f"{seeds.low:.2f} to {seeds.high:.2f} %"
    is_inside = seeds.low - _ROUNDING <= new <= seeds.high + _ROUNDING
    text += (
        f"\nThe {seeds.n} published seeds have a mean of {seeds.value:.2f} % and a standard deviation of "
        f"{seeds.std:.2f} points; the 95 % prediction interval for one new run is {interval}.\n"
        f"The rerun lies {'inside' if is_inside else 'outside'} it."
    )
    failure = (
        f"the rerun's test error of {new:.2f} % lies outside {interval}, where 19 of 20 new runs are expected "
        f"by the {seeds.n} published seeds"
    )
    return text, None if is_inside else failure
