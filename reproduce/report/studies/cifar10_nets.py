"""The errors that the authors printed while two CIFAR-10 nets trained, beside ours at the same epochs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from reproduce.base.paths import PAPER_NOTES
from reproduce.base.tables import percentages, read_table
from reproduce.base.text import format_number, frame_as_markdown
from reproduce.judge.few_seeds import FEWEST
from reproduce.report import records
from reproduce.report.figures.learning_curves import learning_curves
from reproduce.report.records import Records
from reproduce.report.studies import common
from reproduce.runs.statistics import mean_interval, prediction_interval
from reproduce.study.study import Study, load_study

STUDY = "cifar10_nets"
POINTS_CSV = PAPER_NOTES / "authors_training_points.csv"
_AS_PRINTED = {"pool2.divisor", "pool3.divisor"}  # changes that make a net the authors' of the time (D71)
_COLUMNS = "network measure epoch file files_in_epoch views loss_nats error_percent verification source place"


def load_points(path: Path = POINTS_CSV) -> pd.DataFrame:
    """Return the authors' printed points: network, measure, views, passes, files, loss_nats, error_percent.

    ``passes`` counts the complete passes through the training images. A training point is the mean over the lines
    printed in an epoch; our running error is the mean over the epoch's updates. An epoch whose last file is not
    printed gives no point.

    Raises:
        ReproduceError: the file is missing or lacks a column, or an error is no percentage.
    """
    lines = read_table(path, _COLUMNS)
    lines = lines.assign(error_percent=percentages(lines["error_percent"], path))
    tests = lines[lines["measure"].eq("test")]
    tests = tests.assign(passes=tests["epoch"] - 1 + tests["file"] / tests["files_in_epoch"], files="-")
    training = lines[lines["measure"].eq("training")].groupby(["network", "measure", "epoch"], sort=False)
    means = [_epoch_mean(epoch) for _, epoch in training if epoch["file"].max() == epoch["files_in_epoch"].iloc[0]]
    columns = ["network", "measure", "views", "passes", "files", "loss_nats", "error_percent"]
    return pd.concat([pd.DataFrame(means), tests], ignore_index=True)[columns]


def _epoch_mean(lines: pd.DataFrame) -> dict[str, object]:
    kept = {name: lines[name].iloc[0] for name in ("network", "measure", "views")}
    files = f"{lines['file'].min()} to {lines['file'].max()} of {lines['files_in_epoch'].iloc[0]}"
    means = lines[["loss_nats", "error_percent"]].mean()
    return kept | {"passes": float(lines["epoch"].iloc[0]), "files": files} | dict(means)


def printed_points(
    histories: pd.DataFrame, points: pd.DataFrame | None = None, study: Study | None = None
) -> pd.DataFrame:
    """Return the authors' points for each variant in ``histories`` that trains a printed net at the source's length.

    Tests by several views were printed only at the end of training. Such a point belongs to a variant that is tested
    by as many. Columns: variant, epochs, and the columns of ``points``, which by default is ``load_points()``.
    """
    study, points = study or load_study(STUDY), load_points() if points is None else points
    parts = [points.assign(variant="", epochs=0).iloc[:0]]
    for variant, epochs in histories[["variant", "epochs"]].drop_duplicates().itertuples(index=False):
        settings = study.variant(variant)
        is_other_net = settings.remove or set(settings.changes) - _AS_PRINTED
        if is_other_net or settings.schedule(epochs) != "full":
            continue
        own = points[points["network"].eq(settings.network)]
        own = own[own["views"].eq(1) | (own["views"].eq(settings.test_views) & own["passes"].eq(epochs))]
        parts.append(own.assign(variant=variant, epochs=epochs))
    return pd.concat(parts, ignore_index=True)


def points_table(loaded: Records, points: pd.DataFrame | None = None, study: Study | None = None) -> str:
    """Return one row per variant and printed point in Markdown: the authors' error and loss beside ours.

    Ours is the running mean of the same epoch. For a test between two epochs ours is interpolated. The authors print
    one run, so theirs is compared with the 95 % interval of one more seed of ours, not with the interval of our mean.
    """
    histories = records.study_histories(loaded, STUDY)
    drawn = printed_points(histories, points, study).sort_values(["variant", "passes"], kind="stable")
    rows = [_row(point, loaded, histories) for point in drawn.itertuples()]
    return frame_as_markdown(pd.DataFrame(rows)) if rows else "Not run yet."


def _row(point: tuple, loaded: Records, histories: pd.DataFrame) -> dict[str, str]:
    errors, losses = (_ours(point, quantity, loaded, histories) for quantity in ("error_percent", "loss_nats"))
    mean, further = mean_interval(errors), prediction_interval(errors)
    low, high = further.low, further.high
    has_spread = mean.n >= FEWEST
    views = "" if point.views == 1 else f", {point.views} views"
    files = "" if point.files == "-" else f", files {point.files}"
    return {
        "variant": f"`{point.variant}`",
        "after passes": f"{point.passes:g}",
        "measured": f"{point.measure}{views}{files}",
        "authors, %": format_number(point.error_percent),
        "ours, % (95 % interval)": common.mean_words(errors),
        "seeds": str(mean.n),
        "one more seed of ours, 95 %": f"{format_number(low)} to {format_number(high)}" if has_spread else "-",
        "authors' in it": ("yes" if low <= point.error_percent <= high else "no") if has_spread else "-",
        "authors, nats": format_number(point.loss_nats),
        "ours, nats": format_number(mean_interval(losses).value),
    }


def _ours(point: tuple, quantity: str, loaded: Records, histories: pd.DataFrame) -> Sequence[float]:
    """Return each seed's error or loss at the epoch of the authors' printed point."""
    if point.views > 1:
        runs = loaded.runs[loaded.runs["study"].eq(STUDY) & loaded.runs["variant"].eq(point.variant)]
        runs = runs[runs["epochs"].eq(point.epochs) & runs["status"].eq("finished")]
        return runs[{"error_percent": records.ERROR, "loss_nats": "test_loss_nats"}[quantity]].tolist()
    own = histories[histories["variant"].eq(point.variant) & histories["epochs"].eq(point.epochs)]
    column = f"{point.measure}_{quantity}"
    return [float(np.interp(point.passes, run["epoch"], run[column])) for _, run in own.groupby("seed")]


def curves_with_points(loaded: Records) -> Figure:
    """Return the learning curves with the authors' printed points on them."""
    histories = records.study_histories(loaded, STUDY)
    published, averaged = records.published_errors(loaded, STUDY), records.averaged_view_errors(loaded, STUDY)
    return learning_curves(histories, published, averaged, printed_points(histories))


FIGURES = {
    "cifar10_nets_learning_curves": curves_with_points,
    "cifar10_nets_verdicts": lambda loaded: common.verdicts(loaded, STUDY),
    "cifar10_nets_precision": lambda loaded: common.precision(loaded, STUDY),
}
BLOCKS = {"training-points": points_table}
