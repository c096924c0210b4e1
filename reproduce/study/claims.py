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
_OF_OTHERS = ("ILSVRC-2011", "ImageNet Fall 2009", "ImageNet Fall 2011", "ImageNet")  # only in the literature
Dataset = Literal[(*(dataset.title for dataset in DATASETS.values() if not dataset.subset), *_OF_OTHERS)]

# Number of arms of each measured kind. A single value and a gain are the mean of one arm; a gain is a difference within
# each run, so it has a direction. A difference is first minus second arm, a ratio is first over second.
_ARMS_OF_KIND = {"single_value": 1, "gain": 1, "difference": 2, "ratio": 2}


class Target(Strict):
    """One figure that a claim is compared with.

    ``kind``: ``published`` is printed in the primary source, ``authors_log`` stands in the authors' own run notes or
    docs, ``claimed`` is what a secondary text states, ``derived`` is computed by ``expression``. The result of
    ``expression``, rounded to the decimals of ``value``, must equal ``value``. ``where`` names the place in the source.
    """

    value: float = Field(allow_inf_nan=False)
    unit: Unit
    kind: TargetKind
    where: str = Field(min_length=1)
    expression: str | None = None

    @model_validator(mode="after")
    def _derivation_agrees(self) -> Self:
        if (self.kind == "derived") != (self.expression is not None):
            raise ValueError("a target needs an expression where its kind is derived, and must have none elsewhere")
        if self.expression is not None:
            computed, decimals = evaluate(self.expression), len(f"{self.value:.12g}".partition(".")[2])
            if abs(computed - self.value) > 0.5 * 10**-decimals + 1e-9:
                raise ValueError(f"the expression gives {computed:.10g}, not {self.value:.10g}")
        return self


class NotRun(Strict):
    """The reason why a claim without a study has no runs, and the command for the nearest thing that can be run.

    ``command`` is None where nothing comes near.
    """

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

    Attributes:
        targets: figures to compare with; the first is judged. Without targets only a direction is claimed.
        relation: whether the estimate should equal the target, be at most the target or be at least the target.
        arms: a variant of ``study``, or ``study/variant`` for a variant of another study. A difference is first minus
            second arm and a ratio first over second, in the order that makes the claimed difference positive or the
            claimed ratio greater than 1.
        epochs: the length of each arm's runs. Without it all arms are taken at the greatest length that all have run.
        margin: in the unit of the first target, with the rounding of the printed figure; of a ratio, a factor >= 1.
        negligible_within: effects at most this large in either direction, in the claim's unit, are too small to matter.
        seeds_planned: seeds of each arm that decide, counted from the first; the smallest number where arms differ.
        seeds_planned_by_arm: the planned seeds of each arm, where the arms differ in number.
        looked_at_seeds: the numbers of seeds at which the runs were looked at before more seeds were planned. Each look
            widens the interval and raises p (Bonferroni).
        beside: the error that is judged together with a gap between test and training error, since a net that fits
            worse has a narrower gap too.
        chosen_afterward: whether the claim was written, or its estimand chosen, when its runs were known;
            ``margin_why`` says so and why.
        further_reading_of: id of the claim on the same published figure by another reading of the source.
        not_judged: the reason why the measured value answers no claim.
        ablation: short name of the ingredient that the effect is credited to, the same in all claims about it.
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
    further_reading_of: str | None = None
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
                raise ValueError(f"a {self.kind} needs {_ARMS_OF_KIND[self.kind]} arm(s), not {len(self.arms)}")
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
            raise ValueError("a claim with a study needs no not_run: the study's profiles give the reason; remove it")
        return self

    @model_validator(mode="after")
    def _margin_and_arms_make_sense(self) -> Self:
        if bool(self.arms) != bool(self.study):
            raise ValueError("arms need a study, and a study needs arms")
        if self.epochs is not None and len(self.epochs) != len(self.arms):
            raise ValueError(f"epochs needs one length per arm: it has {len(self.epochs)} for {len(self.arms)} arms")
        if self.margin is not None and not (self.targets and self.margin_why):
            raise ValueError("a margin needs a target and margin_why")
        if self.negligible_within is not None and self.kind not in ("gain", "difference"):
            raise ValueError("only a gain or a difference may have negligible_within")
        is_gap = self.kind == "difference" and str(self.estimand).endswith("generalization_gap_percent")
        if self.beside and not is_gap:
            raise ValueError("beside is only for a difference whose estimand ends in generalization_gap_percent")
        if self.chosen_afterward and not self.margin_why:
            raise ValueError("an estimand chosen afterward needs margin_why, which says so and why")
        if self.not_judged and self.kind not in _ARMS_OF_KIND:
            raise ValueError(f"not_judged is only for the measured kinds, {', '.join(_ARMS_OF_KIND)}")
        if self.ablation and self.kind not in _ARMS_OF_KIND:
            raise ValueError(f"ablation is only for the measured kinds, {', '.join(_ARMS_OF_KIND)}")
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
            raise ValueError("chosen_afterward allows a direction at most, and a single_value has none; remove it")
        return self

    def planned_of(self, arm: int) -> int | None:
        """Return the number of seeds planned for the arm at position ``arm``; None where none was planned."""
        return self.seeds_planned_by_arm[arm] if self.seeds_planned_by_arm else self.seeds_planned

    @property
    def looks(self) -> int:
        """The number of times that the runs are looked at: once now, and once for each earlier plan."""
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
        ReproduceError: the file is missing or not YAML 1.2, a claim is malformed, an id occurs twice, or a second
            reading is of no claim.
    """
    shown = relative_to_repo(path)
    claims = [_parse_claim(entry, position, shown) for position, entry in enumerate(_read_entries(path, shown), 1)]
    seen: set[str] = set()
    for claim in claims:
        if claim.id in seen:
            raise ReproduceError(f"{shown}: claim id {claim.id!r} occurs twice; rename or remove one")
        seen.add(claim.id)
    for claim in claims:
        if claim.further_reading_of is not None and claim.further_reading_of not in seen:
            raise ReproduceError(
                f"{shown}: claim {claim.id}: further_reading_of names {claim.further_reading_of!r}, which is no claim; "
                "correct it"
            )
    return claims


def _read_entries(path: Path, shown: str) -> list[Any]:
    document = read_yaml(path)
    if not isinstance(document, dict) or list(document) != ["claims"] or not isinstance(document["claims"], list):
        raise ReproduceError(f"{shown} must hold one key, `claims`, with a list; restore it with git")
    return document["claims"]


def _parse_claim(entry: Any, position: int, shown: str) -> Claim:
    name = shortened(entry["id"]) if isinstance(entry, dict) and "id" in entry else f"number {position}"
    return validated(Claim, entry, f"{shown}: claim {name}", "correct it")
