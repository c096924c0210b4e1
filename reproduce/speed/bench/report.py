"""Writes a benchmark: one JSON file per machine with the parts measured there, and a Markdown page of their tables."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reproduce.base.errors import ReproduceError
from reproduce.base.files import file_digest, read_json, write_json, write_text
from reproduce.base.paths import relative_to_repo
from reproduce.speed.bench.bench_tables import TABLES
from reproduce.speed.measure import machine_slug, own_file

_STANDARD = (
    "The standard loop is a DataLoader with {dataloader_workers} workers, torchvision transforms, torch's own layers "
    "in eager float32 and its default memory format, and torch.optim.SGD."
)
_TITLES = {
    "cifar10": "Training the CIFAR-10 nets",
    "data": "Packing photographs and reading them",
    "alexnet": "A training step of AlexNet",
    "later": "Training the nets that followed AlexNet",
}
_WORDS = {
    "cifar10": (
        "A round times every arm once, one after the other in the same process: {warm_up_steps} steps to warm up, then "
        f"{{timed_steps}} on the clock. Ratios and shares are taken within a round.\n\n{_STANDARD} Both loops run in a "
        "process that keeps freed memory for reuse, as this project's trainer sets it."
    ),
    "data": (
        "A round times every way once, on the same {workers} cores. {images} generated photographs, 500 x 375 pixels, "
        "JPEG quality {jpeg_quality}, {bytes_per_photograph:,} bytes on average, all in the page cache.\n\nPacking "
        "decodes, brings the shorter side to 256, cuts out the center and writes uint8 arrays, in {workers} processes; "
        "the other way is Pillow, torchvision's Resize(256) and CenterCrop(256), and numpy.save. Reading gives batches "
        "of {batch_size} random crops of {crop} x {crop} pixels, mirrored or not, as bytes, and copies each batch once "
        "more; the packed images are {packed_bytes_read:,} bytes. The other ways are torchvision's ImageFolder and a "
        "DataLoader of {workers} workers with Resize(256), RandomCrop, RandomHorizontalFlip and PILToTensor, on the "
        "photographs, and on JPEG files of their 256 x 256 centers ({bytes_per_square:,} bytes)."
    ),
    "alexnet": (
        "A round times every arm once, one after the other in the same process, {timed_steps} step each; the networks "
        "stay from round to round. Images are noise of 256 x 256 pixels in memory, cropped and mirrored at random, "
        f"without color noise.\n\n{_STANDARD} Operations are those of the layers with weights, forward and backward, "
        "multiplication and addition counted separately; the share is that of a product of two square matrices of "
        "{matrix_side} rows in the same round, precision and threads."
    ),
    "later": (
        "A round times {timed_steps} steps of the same network twice, one after the other in the same process: with "
        "this project's C kernels, and with plain torch operations in their place. Images are noise of 32 x 32 pixels "
        "in memory, made into batches as in training. Ratios are taken within a round."
    ),
}


def result_path(out: Path, machine: Mapping[str, Any]) -> Path:
    """Return where this machine's results go: its own earlier file, or a name no other machine has.

    Raises:
        ReproduceError: a file of that name is not JSON.
    """
    return own_file(out, machine_slug(machine), ".json", machine, lambda path: _read_result(path)["machine"])


def _read_result(path: Path) -> dict[str, Any]:
    """Return a machine's results.

    Raises:
        ReproduceError: the file is not JSON or has another form.
    """
    content = read_json(path)
    if not isinstance(content, dict) or not all(isinstance(content.get(key), dict) for key in ("machine", "parts")):
        raise ReproduceError(
            f"{relative_to_repo(path)} has another form, without machine and parts; move it out of its folder"
        )
    if not isinstance(content["machine"].get("memory_gib"), int | float):
        raise ReproduceError(f"{relative_to_repo(path)} has no memory_gib under machine; move it out of its folder")
    return content


def write_benchmark(out: Path, machine: Mapping[str, Any], name: str, part: Mapping[str, Any]) -> Path:
    """Put one part into this machine's JSON file, leaving the others, and write all tables as Markdown beside it.

    Args:
        out: folder of all machines' results.
        machine: its hardware.
        name: of the part; an earlier one of this name is replaced.
        part: load, commit, date and settings, and the rows of each table.

    Returns:
        The JSON file.

    Raises:
        ReproduceError: the folder is not writable, the disk full, or an existing file has another form.
    """
    path = result_path(out, machine)
    earlier = _read_result(path)["parts"] if path.exists() else {}
    parts = {**earlier, name: part}
    content = {"machine": dict(machine), "parts": {key: parts[key] for key in _TITLES if key in parts}}
    write_json(path, content)
    write_text(path.with_suffix(".md"), report_markdown(content, path.name, file_digest(path)))
    return path


def report_markdown(content: Mapping[str, Any], json_name: str, json_sha256: str) -> str:
    """Return the tables of one machine's benchmark, part by part, and the SHA-256 of the file that they are made from.

    ``python -m reproduce verify`` makes the page again, so that an edit of either file shows.
    """
    machine = content["machine"]
    lines = [
        f"# Benchmark on {machine['cpu']}, {machine['cores']} cores\n\n"
        "Written by `python -m reproduce bench`; the same figures with more digits, named with their units, are in "
        f"`{json_name}`. Medians of the rounds, smallest and largest in brackets. Each part has a date, commit and "
        f"load of its own. SHA-256 of the file: `{json_sha256}`.\n"
    ]
    for name, part in content["parts"].items():
        lines.append(_heading(name, part))
        for title, write in TABLES.items():
            table = write(part)
            lines += [f"### {title}\n", table] if table else []
    return "\n".join(lines)


def _heading(name: str, part: Mapping[str, Any]) -> str:
    software, settings = part["software"], part["settings"]
    busy = " **The machine was busy with other work: do not quote these figures.**" if part["loaded"] else ""
    versions = f"torch {software['torch']}, torchvision {software['torchvision']}, Python {software['python']}"
    commit = str(part["git_commit"])[:7] + (" and changes" if part["git_dirty"] else "")
    return (
        f"## {_TITLES[name]}\n\n"
        f"`python -m reproduce bench {name}` on {part['started_utc'][:10]}, commit {commit}. {software['threads']} "
        f"threads, {versions}. Load average {part['load_average_at_start']} before.{busy}\n\n"
        f"{settings['rounds']} rounds. {_WORDS[name].format(**settings)}\n"
    )
