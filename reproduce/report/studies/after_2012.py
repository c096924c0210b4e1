"""Nets after 2012 on CIFAR-10's images: errors against training costs, and the operations of the planned runs."""

import pandas as pd
from matplotlib.figure import Figure

from reproduce.base.text import frame_as_markdown, operations_words
from reproduce.report.cifar10_methods import (
    LATER,
    core_hours,
    core_hours_words,
    declared_costs,
    load_methods,
    most_operations_here,
)
from reproduce.report.figures.generations_by_cost import error_by_core_hours, error_by_operations
from reproduce.report.records import Records
from reproduce.study.operations import epochs_at, images_trained_on, training_operations
from reproduce.study.study import load_study


def budgets_table(loaded: Records) -> str:
    """Return one row per planned arm in Markdown: runs, epochs, images, costs, and the declared cost it meets.

    A line below it gives the operations of all planned runs that are not too long for the machines used here.
    """
    study, costs = load_study(LATER), declared_costs()
    finished = loaded.runs[loaded.runs["study"].eq(LATER) & loaded.runs["status"].eq("finished")]
    most, rows, planned, too_long = most_operations_here(), [], [], []
    for name, runs in study.run_lists("full"):
        variant = study.variant(name)
        operations = training_operations(variant, runs.epochs, study.dataset)
        if operations > most:
            too_long.append(f"`{name}`")
        else:
            planned.append(len(runs.seeds) * operations)
        nearest = [cost for cost in costs if epochs_at(costs[cost], variant, study.dataset) == runs.epochs]
        shares = [f"{100 * operations / costs[cost]:.0f} % of the {cost}" for cost in nearest]
        made = finished[finished["variant"].eq(name) & finished["epochs"].eq(runs.epochs)]
        rows.append(
            {
                "arm": f"`{name}`",
                "runs": f"{len(made)} of {len(runs.seeds)}",
                "epochs": runs.epochs,
                "images per epoch": f"{images_trained_on(variant, runs.epochs, study.dataset) // runs.epochs:,}",
                "operations per run": operations_words(operations),
                "core-hours per run": core_hours_words(core_hours(made)),
                "declared cost": " and ".join(shares) or "none: its source's length",
            }
        )
    total = (
        f"All runs but those of {' and '.join(too_long)} come to {operations_words(sum(planned))} operations together."
    )
    return f"{frame_as_markdown(pd.DataFrame(rows))}\n\n{total}"


def operations_figure(loaded: Records) -> Figure:
    """Return the errors against training operations."""
    return error_by_operations(load_methods(loaded), declared_costs())


def core_hours_figure(loaded: Records) -> Figure:
    """Return the errors against core-hours."""
    return error_by_core_hours(load_methods(loaded))


FIGURES = {"generations_by_operations": operations_figure, "generations_by_core_hours": core_hours_figure}
BLOCKS = {"budgets": budgets_table}
