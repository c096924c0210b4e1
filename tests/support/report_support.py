"""For the tests of the report modules: a small study with real collected tables, and texts that overlap in figures."""

from pathlib import Path

from collect_support import FakeRunId, FakeStudy, claim, difference_claim, write_run
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from reproduce.judge.collect import collect
from reproduce.report.records import Records, load_records
from reproduce.study.designs import Comparison

BF16_AGAINST_FP32 = Comparison(
    id="bf16-minus-fp32",
    question="What does bf16 do to the test error?",
    arms=["80sec_bf16", "80sec"],
    estimand="test_top1_error_percent",
)


def claims() -> list:
    """Return four claims: one measured, one without runs, one checked in the literature, one of no study."""
    not_run = {
        "id": "cifar10-18pct-error",
        "statement": "18 % error",
        "arms": ["18pct"],
        "protocol": "test images, average of ten views",
        "targets": [
            {"value": 18.0, "unit": "percent", "kind": "published", "where": "front page"},
            {"value": 18.3, "unit": "percent", "kind": "authors_log", "where": "run notes"},
        ],
    }
    checked = {
        "id": "halved",
        "source": "popular account",
        "account": "b",
        "statement": "The error was halved.",
        "kind": "source_check",
        "study": None,
        "arms": [],
        "estimand": None,
        "targets": [],
        "margin": None,
        "margin_why": None,
        "scale": "literature",
        "source_check": {"finding": "exaggerated", "why": "37 %", "sources": ["results2012"]},
    }
    return [
        claim(),
        claim(**not_run),
        claim(**checked),
        difference_claim(study=None, not_run={"reason": "later"}, arms=[]),
    ]


def make_records(folder: Path, trained: bool = True) -> Records:
    """Write runs of 80sec (fp32: 25.8, 26.0, 26.2; bf16: 26.0, 26.4), list two of 18pct that do not exist, collect.

    Without ``trained`` nothing exists yet.
    """
    fp32 = [FakeRunId(seed=seed) for seed in (1, 2, 3)]
    bf16 = [FakeRunId(variant="80sec_bf16", seed=seed) for seed in (1, 2)]
    missing = [FakeRunId(variant="18pct", epochs=140, seed=seed) for seed in (1, 2)]
    if not trained:
        return _collected(folder, [*fp32, *bf16, *missing])
    for run_id, error in zip(fp32, (25.8, 26.0, 26.2), strict=True):
        _with_training_curve(write_run(folder / "runs", run_id, error))
    for run_id, error in zip(bf16, (26.0, 26.4), strict=True):
        _with_training_curve(write_run(folder / "runs", run_id, error, precision="bf16"))
    return _collected(folder, [*fp32, *bf16, *missing])


def _collected(folder: Path, run_ids: list[FakeRunId]) -> Records:
    study = FakeStudy("nets", run_ids, [BF16_AGAINST_FP32])
    collect([study], folder, folder / "runs", claims())
    return load_records(folder / "tables", claims())


def _with_training_curve(folder: Path) -> None:
    """Add the column of the running training error, 40 then 30 %, and lower the rate in the second epoch."""
    path = folder / "history.csv"
    header, first, second = path.read_text().splitlines()
    second = second.replace(",0.001,", ",0.0001,")
    path.write_text("\n".join([f"{header},training_error_percent", f"{first},40", f"{second},30"]) + "\n")


def texts(figure):
    shown = [text for axes in figure.axes if axes.get_visible() for text in axes.texts]
    return [text for text in shown if text.get_text()]


def words(figure):
    return " | ".join(text.get_text() for text in texts(figure))


def overlaps(figure):
    """Return the pairs of annotations whose ink boxes share more than a sliver."""
    renderer = figure.canvas.get_renderer()
    figure.draw(renderer)
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in texts(figure)]
    pairs = []
    for index, (one, first) in enumerate(boxes):
        for other, second in boxes[index + 1 :]:
            shared = Bbox.intersection(first, second)
            if shared is not None and min(shared.width, shared.height) > 6:
                pairs.append((one, other))
    return pairs


def clipped(figure):
    """Return the labels, titles, axis names and words of keys that leave the page."""
    renderer = figure.canvas.get_renderer()
    figure.draw(renderer)
    page = figure.bbox
    shown = [axes for axes in figure.axes if axes.get_visible()]
    named = [label for axes in shown for label in (axes.xaxis.label, axes.yaxis.label, *_titles(axes))]
    keys = [*figure.legends, *(axes.get_legend() for axes in shown if axes.get_legend())]
    letters = [*texts(figure), *figure.texts, *named, *(text for key in keys for text in _words_of_key(key))]
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in letters if text.get_text()]
    return [name for name, box in boxes if box.x0 < page.x0 or box.x1 > page.x1 or box.y0 < page.y0 or box.y1 > page.y1]


def _titles(axes):
    return [child for child in axes.get_children() if isinstance(child, Text) and child not in axes.texts]


def _words_of_key(key):
    return [*key.get_texts(), key.get_title()]
