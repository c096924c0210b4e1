"""The meaning of each verdict, and the number of claims that have it, by the kind of evidence."""

import pandas as pd

from reproduce.report.records import Records

MEANINGS = {
    "reproduced": "all planned seeds at the claim's own scale and full schedule: the 95 % interval lies within the "
    "margin fixed around the published value, that of an effect on the claimed side besides",
    "direction reproduced": "an effect of the claimed sign is significant after Holm's correction within the study; "
    "its size is open, or not judged because the scale is reduced or the schedule shorter",
    "direction reproduced, size not": "an effect of the claimed sign is significant, and its interval lies wholly "
    "outside the margin around the published size",
    "no effect": "the whole interval lies within the smallest effect of interest, which was fixed before the runs",
    "inconclusive": "the interval leaves it open, seeds are missing, or a run failed",
    "not reproduced": "the interval lies outside the margin around the published value; where only a sign is claimed, "
    "an effect of the other sign is significant",
    "true": "arithmetic done again: it holds",
    "false": "arithmetic done again: it does not hold",
    "source check": "held against the sources; the finding, from accurate to wrong, stands in the list",
    "not judged": "measured, but the value is shown not to say what the claim is about; the reason stands in the list",
    "not run": "not judged, for the reason in the list: data, a machine, time or a source is lacking, or the figure "
    "is shown for comparison only",
}
_ON_PAPER = ("arithmetic", "source_check")
_PLACES = {
    "own": "CIFAR-10, own scale",
    "reduced": "reduced scale",
    "synthetic": "synthetic scale",
    "imagenet": "ImageNet",
    "literature": "on paper",
}


def evidence_of(verdicts: pd.DataFrame) -> pd.Series:
    """Return the kind of evidence behind each row of the verdict table, in words."""
    return verdicts["scale"].where(~verdicts["kind"].isin(_ON_PAPER), "literature").map(_PLACES)


def verdict_counts(records: Records) -> pd.DataFrame:
    """Return each verdict that occurs, its meaning, and how many claims of each kind of evidence have it."""
    verdicts = records.verdicts
    counts = pd.crosstab(verdicts["verdict"], evidence_of(verdicts))
    shown = [verdict for verdict in MEANINGS if verdict in counts.index]
    counts = counts.reindex(index=shown, columns=[name for name in _PLACES.values() if name in counts])
    counts.insert(0, "meaning", [MEANINGS[verdict] for verdict in shown])
    return counts.rename_axis(columns=None).rename_axis("verdict").reset_index()
