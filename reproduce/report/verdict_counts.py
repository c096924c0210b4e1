"""What the verdicts mean, and how many claims have each, by the kind of evidence."""

import pandas as pd

from reproduce.report.records import Records

_MEANINGS = {
    "reproduced": "all planned seeds at the claim's own scale and full schedule: the 95 % interval lies within the "
    "margin fixed around the published value, that of an effect on the claimed side besides",
    "direction reproduced": "the interval shows an effect of the claimed sign, not that it has the published size; "
    "the most that a reduced scale or a shortened schedule can give",
    "inconclusive": "the interval leaves it open; or seeds are missing or a run failed; or a single value was "
    "measured at another scale or length than the claim's",
    "not reproduced": "the interval shows no effect of the claimed sign and rules out the published value with its "
    "margin, or, where only a sign is claimed, that sign; of a single value, it lies outside the margin",
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


def verdict_counts(records: Records) -> pd.DataFrame:
    """Return each verdict that occurs, its meaning, and how many claims of each kind of evidence have it."""
    verdicts = records.verdicts
    place = verdicts["scale"].where(~verdicts["kind"].isin(_ON_PAPER), "literature").map(_PLACES)
    counts = pd.crosstab(verdicts["verdict"], place)
    shown = [verdict for verdict in _MEANINGS if verdict in counts.index]
    counts = counts.reindex(index=shown, columns=[name for name in _PLACES.values() if name in counts])
    counts.insert(0, "meaning", [_MEANINGS[verdict] for verdict in shown])
    return counts.rename_axis(columns=None).rename_axis("verdict").reset_index()
