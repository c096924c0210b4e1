"""What the verdicts mean, and how many claims have each, by the kind of evidence."""

import pandas as pd

from reproduce.report.records import Records

_MEANINGS = {
    "reproduced": "the 95 % interval lies within the published value plus or minus a margin fixed beforehand",
    "direction reproduced": "there is an effect of the claimed sign (the interval excludes none); its size is not "
    "shown to be the published one. The most that reduced scale can give",
    "inconclusive": "the interval leaves it open, seeds are lacking, or a shortened schedule was all that was run",
    "not reproduced": "the interval lies outside the published value plus or minus its margin, or, where no size is "
    "judged, excludes an effect of the claimed sign",
    "true": "arithmetic done again: it holds",
    "false": "arithmetic done again: it does not hold",
    "source check": "held against the sources; the finding, from accurate to wrong, stands in the list",
    "not run": "its runs need data or machines not to be had here, or are still to be made",
}
_ON_PAPER = ("arithmetic", "source_check")
_PLACES = {
    "own": "CIFAR-10, own scale",
    "reduced": "reduced scale",
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
