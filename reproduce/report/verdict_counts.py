"""The meaning of each verdict, and the number of claims that have it, by the kind of evidence."""

import pandas as pd

from reproduce.judge import rules
from reproduce.report.records import Records

MEANINGS = {
    rules.REPRODUCED: "at the claim's own scale and full schedule, with all planned seeds, the 95 % interval lies "
    "inside the margin around the published value; for an effect, the corrected p is below 0.05 too",
    rules.DIRECTION: "an effect has the claimed sign and is significant after Holm's correction within the "
    "study; its size is open, or is not judged at a reduced scale or on a shortened schedule",
    rules.DIRECTION_ONLY: "an effect has the claimed sign and is significant, but its interval lies wholly "
    "outside the margin around the published size",
    rules.NO_EFFECT: "the whole interval lies within the smallest effect of interest, which was fixed before the runs",
    rules.INCONCLUSIVE: "the interval leaves the question open, the corrected p is not below 0.05, seeds are missing, "
    "a run failed, or a narrower gap between test and training error comes without a lower test error",
    rules.NOT_REPRODUCED: "the interval lies outside the margin around the published value; where only a sign is "
    "claimed, an effect of the other sign is significant",
    rules.TRUE: "the stated figure agrees with the arithmetic",
    rules.FALSE: "the stated figure disagrees with the arithmetic",
    rules.SOURCE_CHECK: "compared with its sources; the list gives the finding: accurate, rough, exaggerated or wrong",
    rules.NOT_JUDGED: "measured, but the value cannot answer the claim; the list gives the reason",
    rules.NOT_RUN: "no verdict; the list gives the reason: images, a machine, runs or a source are missing, or the "
    "figure is shown for comparison only",
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
