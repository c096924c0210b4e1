"""ReLU against tanh: training error by net and unit, the rates tried, and the tables of its page."""

import pandas as pd
from matplotlib.figure import Figure

from reproduce.base.text import format_number, frame_as_markdown, with_interval
from reproduce.report.figures.training_errors import training_errors
from reproduce.report.records import Records, of_first_length
from reproduce.runs.tuning import read_tuning
from reproduce.study.study import Study, load_study

STUDY = "relu_vs_tanh"
TARGET_PERCENT = 25.0  # training error, paper section 3.1
REACHED = {
    "running": "epochs_to_25_percent_training_error",
    "clean": "epochs_to_25_percent_clean_training_error",
}
NETS = {"80sec": "body of the 80-second net", "conv_local_13pct": "body of the 13 % net"}  # by the spec's name
UNITS = {  # by activation and scale of the inputs
    ("relu", "gray_levels"): "ReLU",
    ("tanh", "gray_levels"): "tanh",
    ("relu", "unit_variance"): "ReLU, suited inputs and weights",
    ("tanh", "unit_variance"): "tanh, suited inputs and weights",
}
_RATIO_CLAIMS = {
    "relu-six-times-faster": NETS["80sec"],
    "relu-several-times-faster-13pct-body": NETS["conv_local_13pct"],
}
_SUITED = "suited-tanh-over-suited-relu"
_CURVES = "study variant seed epoch training_error_percent"


def net_and_unit(study: Study, variant: str) -> tuple[str, str]:
    """Return a variant's net and its units, in words."""
    settings = study.variant(variant)
    return NETS[settings.network], UNITS[settings.changes["*.activation"], settings.input_scale]


def load_curves(loaded: Records) -> pd.DataFrame:
    """Return the epochs of the study's runs: net, unit, seed, epoch, training_error_percent (running)."""
    frame = loaded.table("histories", _CURVES, STUDY)
    return _with_words(frame)[["net", "unit", "seed", "epoch", "training_error_percent"]]


def load_crossings(loaded: Records) -> pd.DataFrame:
    """Return one row per arm and measure (``running`` or ``clean``).

    Columns net, unit, variant, measure, seeds, listed, mean, low, high (epochs). ``seeds`` counts the seeds
    that came to 25 %; ``mean`` is missing where no seed did.
    """
    frame = of_first_length(loaded.table("summary", "study variant epochs metric listed n_seeds mean low high", STUDY))
    names = {metric: measure for measure, metric in REACHED.items()}
    frame = frame[frame["metric"].isin(names)].reset_index(drop=True)
    frame = _with_words(frame).assign(measure=frame["metric"].map(names), seeds=frame["n_seeds"])
    return frame[["net", "unit", "variant", "measure", "seeds", "listed", "mean", "low", "high"]]


def _with_words(frame: pd.DataFrame, study: Study | None = None) -> pd.DataFrame:
    study = study or load_study(STUDY)
    known = {variant: net_and_unit(study, variant) for variant in frame["variant"].unique()}
    words = [known[variant] for variant in frame["variant"]]
    return frame.assign(net=[net for net, _ in words], unit=[unit for _, unit in words])


def epochs_table(loaded: Records) -> str:
    """Return one row per arm: its rate, seeds, and epochs to 25 % running and clean training error, in Markdown."""
    crossings, study = load_crossings(loaded), load_study(STUDY)
    rows = []
    for (net, unit, variant), arm in crossings.groupby(["net", "unit", "variant"], sort=False):
        of = arm.set_index("measure")
        row = {"net": net, "units": unit, "rate": f"{_rate(study, variant):g}"}
        row["seeds"] = f"{of['seeds'].min()} of {of['listed'].iloc[0]}"
        for measure in REACHED:
            found = of.loc[measure] if measure in of.index else None
            row[f"epochs to 25 % {measure} error"] = "-" if found is None else _interval(found)
        rows.append(row)
    return frame_as_markdown(pd.DataFrame(rows)) if rows else "Not run yet."


def ratios_table(loaded: Records) -> str:
    """Return one row per declared comparison: the ratio of epochs with Welch's interval in logs, in Markdown."""
    frame = loaded.table("comparisons", "study question kind value low high n_first n_second", STUDY)
    frame = frame[frame["kind"].eq("ratio")]
    rows = [
        {"question": row.question, "ratio": with_interval(row.value, row.low, row.high), "seeds": _seeds(row)}
        for row in frame.itertuples()
    ]
    return frame_as_markdown(pd.DataFrame(rows)) if rows else "Not run yet."


def _seeds(row: tuple) -> str:
    return f"{row.n_first} and {row.n_second}"


def rates_table(study: Study | None = None) -> str:
    """Return the search for rates: epochs to 25 % running error by seed, one row per net and unit, one column per rate.

    ``> 9`` stands for a run that was still above 25 % after its nine epochs. The rate with the smallest mean is bold.
    """
    study = study or load_study(STUDY)
    frame = _with_words(read_tuning(study), study)
    frame = frame.assign(rate=[_rate(study, variant) for variant in frame["variant"]])
    rates = sorted(frame["rate"].unique())
    rows = []
    for (net, unit), arm in frame.groupby(["net", "unit"], sort=False):
        best = fastest_rate(arm)
        cells = {f"{rate:g}": _tried(arm[arm["rate"].eq(rate)], rate == best) for rate in rates}
        rows.append({"net": net, "units": unit} | cells)
    return frame_as_markdown(pd.DataFrame(rows))


def fastest_rate(runs: pd.DataFrame) -> float | None:
    """Return the rate with the fewest epochs to 25 % running error, averaged over seeds, or None if no rate reached it.

    Args:
        runs: columns rate and ``epochs_to_25_percent_training_error``; a rate with a run that did not reach 25 % is
            left out.
    """
    means = runs.groupby("rate")[REACHED["running"]].agg(lambda each: each.mean(skipna=False)).dropna()
    return None if means.empty else float(means.idxmin())


def _tried(runs: pd.DataFrame, is_best: bool) -> str:
    epochs = [
        f"> {run.trained_epochs}" if pd.isna(reached) else format_number(reached, 1)
        for run, reached in zip(runs.itertuples(), runs[REACHED["running"]], strict=True)
    ]
    text = ", ".join(epochs) or "-"
    return f"**{text}**" if is_best else text


def _rate(study: Study, variant: str) -> float:
    return float(study.variant(variant).changes["*.learning_rate"])


def _interval(row: pd.Series) -> str:
    return with_interval(row["mean"], row["low"], row["high"], decimals=1)


def error_figure(loaded: Records) -> Figure:
    """Return the paper's Figure 1 with every seed."""
    return training_errors(
        load_curves(loaded), load_crossings(loaded), [*UNITS.values()], TARGET_PERCENT, _sentence(loaded)
    )


def _sentence(loaded: Records) -> str:
    """Return a sentence on the ratio of tanh's epochs to ReLU's, by the judged claims, beside the paper's figure."""
    verdicts = loaded.table("verdicts", "claim_id estimate low high").set_index("claim_id")
    judged = verdicts.reindex([*_RATIO_CLAIMS]).dropna(subset=["estimate"])
    if judged.empty:
        return "ReLU against tanh units: not run yet."
    times = [
        f"{with_interval(row.estimate, row.low, row.high)} times on the {_RATIO_CLAIMS[row.Index]}"
        for row in judged.itertuples()
    ]
    printed = loaded.claim(next(iter(_RATIO_CLAIMS))).targets[0].value
    return (
        f"With tanh units training to {TARGET_PERCENT:g} % error takes more epochs: {' and '.join(times)} "
        f"(paper: {printed:g}, net not named).{_with_suited_start(loaded)}"
    )


def _with_suited_start(loaded: Records) -> str:
    """Return a sentence on the first net's ratio with inputs and initial weights suited to both units."""
    found = loaded.table("comparisons", "study comparison value low high", STUDY).set_index("comparison")
    if _SUITED not in found.index or pd.isna(found.loc[_SUITED, "value"]):
        return ""
    row = found.loc[_SUITED]
    return (
        f" With inputs and weights suited to both the first is {with_interval(row['value'], row['low'], row['high'])}."
    )


FIGURES = {"relu_vs_tanh": error_figure}
BLOCKS = {
    "relu-epochs": epochs_table,
    "relu-ratios": ratios_table,
    "relu-rates": lambda _: rates_table(),
}
