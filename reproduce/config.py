"""Studies, variants, schedules and run identities, read from experiments/<study>/study.yaml.

A variant is everything that decides a run's numbers besides its length and seed; nothing about the machine is in it.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, model_validator

from reproduce.errors import ReproduceError
from reproduce.files import json_digest
from reproduce.models.spec import NetworkSpec, NonNegative, load_spec
from reproduce.paths import EXPERIMENTS, RESULTS
from reproduce.validation import Strict, read_yaml, validated

TrainingFile = Annotated[int, Field(ge=1, le=5)]


class Phase(Strict):
    """A stretch of training at constant rates.

    ``training_files`` are read in this order every epoch. The factors multiply each layer's own rates; cuda-convnet's
    recipes lower only the weights' (deviation D24). ``until`` is ``epochs`` or the authors' stopping rule: stop once
    the training loss on file 5 has fallen to that of the first phase, after ``epochs`` at the latest.
    """

    epochs: PositiveInt
    training_files: Annotated[list[TrainingFile], Field(min_length=1)]
    weight_rate_factor: NonNegative
    bias_rate_factor: NonNegative = 1.0
    until: Literal["epochs", "file_5_reaches_first_phase_loss"] = "epochs"


class Variant(Strict):
    """One setting of every switch.

    Attributes:
        network: name of a spec in reproduce/models/specs.
        changes: "layer.field" or "*.field": value, applied to the spec; an ablation is one entry.
        remove: names of layers left out of the spec.
        precision: arithmetic of the layers; weights, updates and losses are always float32 (deviation D32).
        batch_size: images per update; the last batch of a file may be shorter and still takes a full step.
        momentum: decay of the velocity.
        order: ``files`` reads the files as they are, every epoch alike (cuda-convnet); ``reshuffled`` draws an order.
        augmentation: ``none``, or ``crops_and_flips``: a random crop of the network's input size, mirrored or not.
        test_views: 1 (the whole image or its center) or 10 (four corners and center, mirrored; paper 4.1).
        phases: the full schedule of the source.
    """

    network: str
    changes: dict[str, float | int | str] = {}
    remove: list[str] = []
    precision: Literal["fp32", "bf16"]
    batch_size: PositiveInt
    momentum: Annotated[float, Field(ge=0, lt=1)]
    order: Literal["files", "reshuffled"]
    augmentation: Literal["none", "crops_and_flips"]
    test_views: Literal[1, 10]
    phases: Annotated[list[Phase], Field(min_length=1)]

    @model_validator(mode="after")
    def _rule_needs_files(self) -> "Variant":
        if self.order == "reshuffled" and any(phase.until != "epochs" for phase in self.phases):
            raise ValueError("the stopping rule watches file 5, which order: reshuffled mixes with the others")
        return self

    def network_spec(self) -> NetworkSpec:
        """Return the network without the removed layers and with this variant's changes applied."""
        return load_spec(self.network, dict(self.changes), remove=self.remove)

    def full_epochs(self) -> int:
        """Return the length of the source's schedule in epochs."""
        return sum(phase.epochs for phase in self.phases)

    def schedule(self, epochs: int) -> str:
        """Return how a length compares with the source's schedule: ``full``, ``shortened`` or ``lengthened``."""
        full = self.full_epochs()
        return "full" if epochs == full else "shortened" if epochs < full else "lengthened"

    def scaled_phases(self, epochs: int) -> list[Phase]:
        """Return the phases shortened or stretched to ``epochs`` in all, in proportion, each at least one epoch.

        Raises:
            ReproduceError: fewer epochs than phases.
        """
        if epochs < len(self.phases):
            raise ReproduceError(
                f"{epochs} epochs cannot hold {len(self.phases)} phases; ask for {len(self.phases)} or more"
            )
        shares = [phase.epochs * epochs / self.full_epochs() for phase in self.phases]
        lengths = [max(1, int(share)) for share in shares]
        while sum(lengths) != epochs:  # largest remainder first; when too long, the longest phase gives way
            short = sum(lengths) < epochs
            gaps = [share - length for share, length in zip(shares, lengths, strict=True)]
            index = gaps.index(max(gaps)) if short else lengths.index(max(lengths))
            lengths[index] += 1 if short else -1
        return [phase.model_copy(update={"epochs": n}) for phase, n in zip(self.phases, lengths, strict=True)]

    def resolved(self) -> dict[str, Any]:
        """Return everything that decides the numbers, network included, as plain data."""
        content = self.model_dump(exclude={"network", "changes", "remove"})
        return {**content, "network": self.network, "network_spec": self.network_spec().model_dump()}

    def digest(self) -> str:
        """Return the SHA-256 of ``resolved()``."""
        return json_digest(self.resolved())


@dataclass(frozen=True, order=True)
class RunId:
    """Names one run: variant x length x seed of a study."""

    study: str
    variant: str
    epochs: int
    seed: int

    def __str__(self) -> str:
        return f"{self.study}/{self.variant}/epochs{self.epochs}/seed{self.seed}"

    @property
    def folder(self) -> Path:
        """The published run's folder."""
        return RESULTS / "runs" / str(self)

    @classmethod
    def parse(cls, text: str) -> "RunId":
        """Return the run named as ``study/variant/epochs<n>/seed<k>`` (also with ``results/runs/`` before it).

        Raises:
            ReproduceError: the text has another form.
        """
        name = text.strip("/").removeprefix("results/runs/")
        found = re.fullmatch(r"([\w-]+)/([\w-]+)/epochs([1-9]\d*)/seed([1-9]\d*)", name)
        if found is None:
            example = "cifar10_nets/80sec/epochs11/seed1"
            raise ReproduceError(f"{text!r} does not name a run; write it like {example}")
        return cls(found[1], found[2], int(found[3]), int(found[4]))


class RunList(Strict):
    """The runs of one variant in a profile."""

    epochs: PositiveInt
    seeds: Annotated[list[PositiveInt], Field(min_length=1)]


class Comparison(Strict):
    """A question of our own that two variants answer: value of the first arm minus value of the second."""

    id: str
    question: str
    arms: Annotated[list[str], Field(min_length=2, max_length=2)]
    estimand: str


class Study(Strict):
    """What a study trains. ``scale``: own (the source's own), reduced, synthetic or literature."""

    study: str
    dataset: Literal["cifar10"]
    scale: Literal["own", "reduced", "synthetic", "literature"]
    variants: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]*$")], Variant]
    profiles: dict[Literal["standard", "full", "smoke"], dict[str, RunList]]
    comparisons: list[Comparison] = []

    @model_validator(mode="after")
    def _names_known(self) -> "Study":
        for profile, lists in self.profiles.items():
            for name, runs in lists.items():
                if name not in self.variants:
                    raise ValueError(f"profile {profile} lists the unknown variant {name!r}")
                if len(set(runs.seeds)) < len(runs.seeds):
                    raise ValueError(f"profile {profile} lists a seed of {name} twice")
        unknown = {arm for comparison in self.comparisons for arm in comparison.arms} - self.variants.keys()
        if unknown:
            raise ValueError(f"comparisons name unknown variants {sorted(unknown)}")
        return self

    def variant(self, name: str) -> Variant:
        """Return a variant by name.

        Raises:
            ReproduceError: there is none of that name.
        """
        if name not in self.variants:
            raise ReproduceError(f"study {self.study} has no variant {name!r}; it has {', '.join(self.variants)}")
        return self.variants[name]

    def runs(self, profile: str) -> list[RunId]:
        """Return the runs of a profile, in the order of study.yaml.

        Raises:
            ReproduceError: there is no such profile.
        """
        if profile not in self.profiles:
            raise ReproduceError(f"study {self.study} has no profile {profile!r}; it has {', '.join(self.profiles)}")
        lists = self.profiles[profile]
        return [RunId(self.study, name, runs.epochs, seed) for name, runs in lists.items() for seed in runs.seeds]

    @property
    def folder(self) -> Path:
        """The study's folder under experiments/."""
        return EXPERIMENTS / self.study


def load_study(name: str, experiments: Path = EXPERIMENTS) -> Study:
    """Read and check experiments/<name>/study.yaml.

    Raises:
        ReproduceError: no such study, or the first violation in its file.
    """
    path = experiments / name / "study.yaml"
    if not path.is_file():
        known = ", ".join(sorted(found.parent.name for found in experiments.glob("*/study.yaml")))
        raise ReproduceError(f"there is no study {name!r}; known: {known}")
    return validated(Study, read_yaml(path), f"experiments/{name}/study.yaml")
