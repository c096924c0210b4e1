"""The quick study: the 80-second net, trained from nothing on this machine, set beside 2012 and the published runs."""

from pathlib import Path

import pandas as pd

from reproduce.base.errors import ReproduceError
from reproduce.base.hardware import has_native_bf16
from reproduce.base.paths import RESULTS, relative_to_repo
from reproduce.base.progress import format_duration
from reproduce.base.tables import read_csv
from reproduce.data.registry import CIFAR10
from reproduce.judge.numbers import read_numbers
from reproduce.report.records import of_first_length
from reproduce.runs.run_files import read_metrics, read_record
from reproduce.study.claims import load_claims
from reproduce.study.run_id import RunId
from reproduce.study.study import load_study
from reproduce.train.launch import Launch, choose_device
from reproduce.train.run import train_run

QUICK_FOLDER = RESULTS / "quick"
_STUDY = "cifar10_nets"
_VARIANTS = {True: "80sec_bf16", False: "80sec"}  # by whether the processor has bf16
_SEED = 2012


def run_quick(device: str = "auto", threads: int | None = None) -> str:
    """Get the data, train the 80-second net anew, and return a table of its error in 2012, published here, and now.

    A stopped run is resumed, and a finished run is trained again. Published results are not touched.

    Raises:
        ReproduceError: the data cannot be downloaded or are damaged, or ``train_run`` has an error.
    """
    CIFAR10.prepare()
    variant = _VARIANTS[has_native_bf16(choose_device(device))]
    run = RunId(_STUDY, variant, load_study(_STUDY).variant(variant).full_epochs(), _SEED)
    folder = QUICK_FOLDER / str(run)
    train_run(run, folder, Launch(device, threads, require_clean_tree=False))
    return quick_table(folder, variant)


def quick_table(folder: Path, variant: str) -> str:
    """Return the closing table for the quick run in ``folder``."""
    rows = [_row_2012(), _row_published(variant), _row_here(folder)]
    table = pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True)
    return (
        "\nThe 80-second net (cuda-convnet layers-80sec), CIFAR-10 test error (ours: 11 epochs, one view, last epoch)"
        f"\n\n{table}\n\n"
        f"This run's records: {relative_to_repo(folder)}\n"
        "Read on: README.md, the answers and every verdict\n"
        "         results/notebooks/25_to_16.ipynb, what the drop was, beside what came before and after\n"
        "         `python -m reproduce estimate`, how long each study takes on this machine"
    )


def _row_2012() -> dict[str, str]:
    targets = {claim.id: claim.targets[0].value for claim in load_claims() if claim.targets}
    error, seconds = targets["cifar10-80sec-error"], targets["cifar10-80sec-time"]
    return _row("2012, cuda-convnet's front page", f"{error:.0f} %", f"{seconds:.0f} s", "a GPU, not named")


def _row_published(variant: str) -> dict[str, str]:
    where = f"published here ({variant})"
    try:
        error = read_numbers().get(f"{_STUDY}.{variant}.test_top1_error_percent.mean", {})
    except ReproduceError:
        error = {}
    if error.get("value") is None:
        return _row(where, "no runs", "", "")
    runs = of_first_length(read_csv(RESULTS / "tables" / "runs.csv"))
    runs = runs[runs["study"].eq(_STUDY) & runs["variant"].eq(variant) & runs["status"].eq("finished")]
    text = f"{error['value']:.2f} %"
    if error["low"] is not None:
        text += f" ({error['low']:.2f} to {error['high']:.2f}, {error['n_seeds']} seeds)"
    seconds = f"{runs['training_seconds'].median():.0f} s"
    return _row(where, text, seconds, f"{runs['cpu'].iloc[0]}, {int(runs['threads'].iloc[0])} thread(s)")


def _row_here(folder: Path) -> dict[str, str]:
    run, metrics = read_record(folder), read_metrics(folder)
    machine = run["machine"]
    hardware = machine["gpu"] or f"{machine['cpu']}, {machine['threads']} thread(s)"
    error = f"{metrics['test_top1_error_percent']:.2f} % (one seed, {run['precision']})"
    return _row("this machine, now", error, format_duration(run["training_seconds"]), hardware)


def _row(where: str, error: str, seconds: str, hardware: str) -> dict[str, str]:
    return {"": where, "test error (95 % interval)": error, "training time": seconds, "hardware": hardware}
