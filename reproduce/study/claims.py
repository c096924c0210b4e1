"""The claims under test: what ``paper_notes/claims.yaml`` may say, and loading it."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from reproduce.base.errors import ReproduceError, shortened
from reproduce.base.paths import PAPER_NOTES, relative_to_repo
from reproduce.base.validation import Strict, Whole, read_yaml, validated
from reproduce.data.registry import DATASETS
from reproduce.study.arithmetic import evaluate

CLAIMS_FILE = PAPER_NOTES / "claims.yaml"

Kind = Literal["single_value", "gain", "difference", "ratio", "arithmetic", "source_check", "qualitative"]
TargetKind = Literal["published", "authors_log", "claimed", "derived"]
Unit = Literal["percent", "percentage_points", "ratio", "seconds", "days", "epochs", "count", "pixels"]
_OF_OTHERS = ("ILSVRC-2011", "ImageNet Fall 2009", "ImageNet Fall 2011", "ImageNet")  # in the literature, not here
Dataset = Literal[(*(dataset.title for dataset in DATASETS.values() if not dataset.subset), *_OF_OTHERS)]

# Arms of a measured kind: value(first) of the first two, of which a gain is itself a difference within each run and has
# a direction; then value(first) - value(second) and value(first) / value(second).
_ARMS_OF_KIND = {"single_value": 1, "gain": 1, "difference": 2, "ratio": 2}


class Target(Strict):
    """One figure that a claim is compared with.

    ``kind``: ``published`` is printed in the primary source, ``authors_log`` stands in the authors' own run notes or
    docs, ``claimed`` is what a secondary text states, ``derived`` follows from ``expression``, whose value rounds to
    ``value`` at the decimals written. ``where`` names the place in the source.
    """

    value: float = Field(allow_inf_nan=False)
    unit: Unit
    kind: TargetKind
    where: str = Field(min_length=1)
    expression: str | None = None

    @model_validator(mode="after")
    def _derivation_agrees(self) -> Self:
        if (self.kind == "derived") != (self.expression is not None):
            raise ValueError("a derived target, and no other, has an expression")
        if self.expression is not None:
            computed, decimals = evaluate(self.expression), len(f"{self.value:.12g}".partition(".")[2])
            if abs(computed - self.value) > 0.5 * 10**-decimals + 1e-9:
                raise ValueError(f"the expression gives {computed:.10g}, not {self.value:.10g}")
        return self


class NotRun(Strict):
    """Why a claim without a study has no runs, and a command for what comes nearest to them (None: nothing does)."""

    reason: str = Field(min_length=1)
    command: str | None = None


class SourceCheck(Strict):
    """The finding from comparing the claim with its sources.

    Each source starts with a key of ``references.bib``, optionally followed by a comma and the place.
    """

    finding: Literal["accurate", "rough", "exaggerated", "wrong"]
    why: str = Field(min_length=1)
    sources: list[str] = Field(min_length=1)


class Claim(Strict):
    """One testable statement, fixed before its runs.

    The first target is the one judged. ``margin`` is in its unit and includes the rounding of the printed figure; for
    a ratio it is a factor of at least 1, for the log scale. A difference or ratio is of ``arms`` [first, second], in
    the order that makes the claimed effect positive (above 1). Without targets only that direction is claimed.
    ``relation`` says whether the estimate should equal, not exceed or not fall below the target.
    An arm is a variant of ``study``, or ``study/variant`` of another. ``epochs`` fixes the length of each arm's runs;
    without it all arms are taken at the longest length that all have runs of.
    ``seeds_planned``: of each arm; ``seeds_planned_by_arm`` where the arms' numbers differ, the smaller being
    ``seeds_planned``. The first so many seeds decide.
    ``looked_at_seeds``: the numbers of seeds at which runs had been looked at before more were planned. For each look
    the interval is wider and p larger (Bonferroni).
    ``negligible_within``: effects at most this large either way, in the claim's unit, are too small to matter.
    ``beside`` is judged with the gap between test and training error, which is narrower too where a net fits worse.
    ``chosen_afterward``: the estimand was chosen when its runs were known; ``margin_why`` says so and why.
    ``not_judged`` is why the measured value answers no claim.
    ``ablation`` names in short what the effect is credited to, at whatever scale; claims of one ingredient share it.
    """

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    source: str = Field(min_length=1)
    paper_row: int | None = Field(default=None, ge=1, le=31)
    account: str | None = Field(default=None, pattern=r"^([a-j]|k[1-5])$")
    statement: str = Field(min_length=1)
    ablation: str | None = Field(default=None, min_length=1)
    kind: Kind
    dataset: Dataset | None = None
    protocol: str | None = None
    targets: list[Target] = []
    relation: Literal["equal", "at_most", "at_least"] = "equal"
    estimand: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9_]*$")
    study: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9_]*$")
    arms: list[str] = []
    epochs: list[Whole] | None = None
    margin: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    margin_why: str | None = None
    better_is_no_failure: bool = False
    negligible_within: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    seeds_planned: int | None = Field(default=None, ge=1)
    seeds_planned_by_arm: list[Whole] | None = None
    looked_at_seeds: list[Whole] = []
    beside: Literal["test_top1_error_percent"] | None = None
    chosen_afterward: bool = False
    not_judged: str | None = Field(default=None, min_length=1)
    scale: Literal["own", "reduced", "imagenet", "literature"]
    not_run: NotRun | None = None
    source_check: SourceCheck | None = None

    @model_validator(mode="after")
    def _kind_has_what_it_needs(self) -> Self:
        if self.kind in _ARMS_OF_KIND:
            if self.estimand is None:
                raise ValueError(f"a {self.kind} needs an estimand")
            if self.study and len(self.arms) != _ARMS_OF_KIND[self.kind]:
                raise ValueError(f"a {self.kind} compares {_ARMS_OF_KIND[self.kind]} arm(s), not {len(self.arms)}")
        elif self.kind == "arithmetic":
            if [target.kind == "derived" for target in self.targets] != [False, True]:
                raise ValueError("an arithmetic claim has two targets: the stated figure, then the derived one")
            if self.relation == "equal" and self.margin is None:
                raise ValueError("an arithmetic claim of equality needs a margin (0.0 where the figure is exact)")
        if self.kind == "source_check" and not (self.source_check or self.not_run):
            raise ValueError("a source check needs its source_check, or not_run with the reason it is missing")
        if self.kind in {*_ARMS_OF_KIND, "qualitative"} and not (self.study or self.not_run):
            raise ValueError("a claim without a study needs not_run with the reason")
        if self.study and self.not_run:
            raise ValueError("a claim with a study has no not_run of its own: the study's profiles say it; remove it")
        return self

    @model_validator(mode="after")
    def _margin_and_arms_make_sense(self) -> Self:
        if bool(self.arms) != bool(self.study):
            raise ValueError("arms need a study, and a study needs arms")
        if self.epochs is not None and len(self.epochs) != len(self.arms):
            raise ValueError(f"epochs fix one length per arm: {len(self.epochs)} for {len(self.arms)} arms")
        if self.margin is not None and not (self.targets and self.margin_why):
            raise ValueError("a margin needs a target and margin_why")
        if self.negligible_within is not None and self.kind not in ("gain", "difference"):
            raise ValueError("only a gain or a difference may be negligible")
        is_gap = self.kind == "difference" and str(self.estimand).endswith("generalization_gap_percent")
        if self.beside and not is_gap:
            raise ValueError("only a difference of gaps between test and training error has an error beside it")
        if self.chosen_afterward and not self.margin_why:
            raise ValueError("an estimand chosen afterward needs margin_why, which says so and why")
        if self.not_judged and self.kind not in _ARMS_OF_KIND:
            raise ValueError("only what is measured can be left without a verdict by not_judged")
        if self.ablation and self.kind not in _ARMS_OF_KIND:
            raise ValueError(f"an ablation is measured: only {', '.join(_ARMS_OF_KIND)} may name one")
        if self.margin is not None and self.kind == "ratio" and self.margin < 1:
            raise ValueError("the margin of a ratio is a factor of at least 1")
        return self

    @model_validator(mode="after")
    def _seeds_make_sense(self) -> Self:
        by_arm, planned = self.seeds_planned_by_arm, self.seeds_planned
        if by_arm is not None and (len(by_arm) != len(self.arms) or min(by_arm) != planned):
            raise ValueError(f"seeds_planned_by_arm needs one number per arm, the smallest {planned}, not {by_arm}")
        rising = [*self.looked_at_seeds, planned or 0]
        if self.looked_at_seeds and sorted(set(rising)) != rising:
            raise ValueError(f"looked_at_seeds must rise and stay below the seeds planned, {planned}")
        if self.chosen_afterward and self.kind == "single_value":
            raise ValueError("an estimand chosen afterward shows a direction at most, which a single value has not")
        return self

    def planned_of(self, arm: int) -> int | None:
        """Return the seeds planned of the arm of that position; None where no number was planned."""
        return self.seeds_planned_by_arm[arm] if self.seeds_planned_by_arm else self.seeds_planned

    @property
    def looks(self) -> int:
        """The number of looks at the runs: one, and one for each earlier plan."""
        return 1 + len(self.looked_at_seeds)

    def holds(self) -> bool:
        """Return whether an arithmetic claim's stated figure agrees with the derived one.

        Raises:
            ValueError: the claim is not arithmetic.
        """
        if self.kind != "arithmetic":
            raise ValueError(f"{self.id} is {self.kind}, not arithmetic")
        stated, derived = (target.value for target in self.targets)
        margin = self.margin or 0.0
        if self.relation == "at_most":
            return derived <= stated + margin
        if self.relation == "at_least":
            return derived >= stated - margin
        return abs(derived - stated) <= margin


def load_claims(path: Path = CLAIMS_FILE) -> list[Claim]:
    """Read and check every claim, in the file's order.

    Raises:
        ReproduceError: the file is missing or not YAML 1.2, a claim is malformed, or an id occurs twice.
    """
    shown = relative_to_repo(path)
    claims = [_parse_claim(entry, position, shown) for position, entry in enumerate(_read_entries(path, shown), 1)]
    seen: set[str] = set()
    for claim in claims:
        if claim.id in seen:
            raise ReproduceError(f"{shown}: claim id {claim.id!r} occurs twice; rename or remove one")
        seen.add(claim.id)
    return claims


def _read_entries(path: Path, shown: str) -> list[Any]:
    document = read_yaml(path)
    if not isinstance(document, dict) or list(document) != ["claims"] or not isinstance(document["claims"], list):
        raise ReproduceError(f"{shown} must hold one key, `claims`, with a list; restore it with git")
    return document["claims"]


def _parse_claim(entry: Any, position: int, shown: str) -> Claim:
    name = shortened(entry["id"]) if isinstance(entry, dict) and "id" in entry else f"number {position}"
    return validated(Claim, entry, f"{shown}: claim {name}", "correct it")
