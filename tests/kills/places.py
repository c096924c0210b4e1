"""The places where commands are killed: what lies there before, the command, the events to die at, and how often."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kills import commands
from kills.aims import Trigger, at_calls, at_file_events, at_programs

from reproduce.data.ilsvrc import prepare
from reproduce.models.network import Network
from reproduce.report import notebooks
from reproduce.train import run as run_module
from reproduce.train.loop import Trainer


@dataclass(frozen=True)
class Place:
    """One place. ``kills`` are its share of a hundred.

    Attributes:
        write: fills the empty folder before the command.
        command: runs in the folder and returns the exit status.
        arm: lets a trigger count the place's events.
        delays_seconds: from the event to the kill; one kill takes one of them, in turn.
        group: kill by turns the process alone and all that it has started.
    """

    name: str
    kills: int
    write: Callable[[Path], None]
    command: Callable[[Path], int]
    arm: Callable[[Trigger, Path], None]
    delays_seconds: tuple[float, ...] = (0.0,)
    group: bool = False


def _below(*places: str) -> Callable[[Trigger, Path], None]:
    return partial(_files, places)


def _files(places: tuple[str, ...], trigger: Trigger, folder: Path) -> None:
    at_file_events(trigger, *(folder / place for place in places))


def _final_test(trigger: Trigger, folder: Path) -> None:
    """Count passes through the network once training has ended."""
    evaluate = run_module.evaluate_trained

    def testing(trainer: Trainer) -> object:
        at_calls(trigger, Network, "forward")
        return evaluate(trainer)

    run_module.evaluate_trained = testing


def _compiler(trigger: Trigger, folder: Path) -> None:
    at_programs(trigger, "kernels.c")


def _workers(trigger: Trigger, folder: Path) -> None:
    at_calls(trigger, prepare, "finished_tasks")


def _cells(trigger: Trigger, folder: Path) -> None:
    at_calls(trigger, notebooks._Client, "async_execute_cell")


def _training_stage(trigger: Trigger, folder: Path) -> None:
    at_programs(trigger, "kills.commands")


def _tiny(*options: str) -> Callable[[Path], int]:
    return partial(commands.tiny, arguments=[*commands.TINY, *options])


def _miniature(*arguments: str) -> Callable[[Path], int]:
    return partial(commands.miniature, arguments=[*arguments])


_PUBLISH = ("publish", "miniature")
PLACES = (
    Place(
        "checkpoint written, tiny net",
        6,
        commands.write_tiny,
        _tiny(*commands.AT_EVERY_UPDATE),
        _below("scratch/checkpoints"),
    ),
    Place(
        "checkpoint written, AlexNet in small",
        6,
        commands.write_packed,
        _miniature(*commands.MINIATURE, *commands.AT_EVERY_UPDATE),
        _below("scratch/checkpoints"),
    ),
    Place("final test, tiny net", 8, commands.write_tiny, _tiny(), _final_test),
    Place("final test, AlexNet in small", 8, commands.write_packed, _miniature(*commands.MINIATURE), _final_test),
    Place(
        "results written over an older run, tiny net",
        12,
        commands.write_tiny_published,
        _tiny(),
        _below("results", "scratch/checkpoints"),
    ),
    Place(
        "results written, AlexNet in small",
        10,
        commands.write_packed,
        _miniature(*commands.MINIATURE_PROFILE),
        _below("data", "scratch/checkpoints"),
    ),
    Place("kernel files written", 4, commands.write_tiny_without_kernels, _tiny(), _below("scratch/kernels")),
    Place(
        "kernel being compiled",
        6,
        commands.write_tiny_without_kernels,
        _tiny(),
        _compiler,
        delays_seconds=(0.02, 0.1, 0.3, 0.6, 1.0),
        group=True,
    ),
    Place(
        "data packed by one process",
        8,
        commands.write_archives,
        _miniature(*commands.PACK, "--workers", "1"),
        _below("packed", "scratch"),
    ),
    Place(
        "data packed by two processes",
        4,
        commands.write_archives,
        _miniature(*commands.PACK, "--workers", "2"),
        _workers,
        delays_seconds=(0.3, 1.0, 2.0, 4.0),
        group=True,
    ),
    Place(
        "official files replaced",
        6,
        commands.write_damaged_files,
        commands.official_files,
        _below("data", "results", "scratch"),
    ),
    Place("runs published", 8, commands.write_trained, _miniature(*_PUBLISH), _below("results", "scratch")),
    Place("notebook written", 2, commands.write_notebook, commands.notebook, _below("notebooks", "tmp", "scratch")),
    Place(
        "notebook's cells executed",
        6,
        commands.write_notebook,
        commands.notebook,
        _cells,
        delays_seconds=(0.0, 0.1, 0.3),
        group=True,
    ),
    Place("dvc repro, its own files", 4, commands.write_pipeline, commands.dvc, _below("")),
    Place(
        "dvc repro, a stage at work",
        6,
        commands.write_pipeline,
        commands.dvc,
        _training_stage,
        delays_seconds=(0.0, 1.0, 2.0, 4.0, 6.0, 8.0),
        group=True,
    ),
)
