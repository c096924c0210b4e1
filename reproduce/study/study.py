"""Studies, their profiles and run identities, read from experiments/<study>/study.yaml."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from reproduce.base import paths
from reproduce.base.errors import ReproduceError, near_or_all, shortened
from reproduce.base.files import json_digest
from reproduce.base.validation import FORM, Strict, Whole, read_yaml, validated
from reproduce.data.registry import DATASETS
from reproduce.study.designs import Comparison, Factorial, study_and_variant
from reproduce.study.feature_variant import FeatureVariant
from reproduce.study.run_id import RunId
from reproduce.study.sweep import Sweep
from reproduce.study.variant import Variant

_NETWORK, _FEATURES = f"{FORM}network", f"{FORM}features"
_ONE, _SEVERAL = f"{FORM}one length", f"{FORM}several lengths"


def _form(entry: Any) -> str:
    """Return the tag of a variant's form: an encoder and a classifier, or a network."""
    has_encoder = "encoder" in entry if isinstance(entry, dict) else isinstance(entry, FeatureVariant)
    return _FEATURES if has_encoder else _NETWORK


AnyVariant = Annotated[
    Annotated[Variant, Tag(_NETWORK)] | Annotated[FeatureVariant, Tag(_FEATURES)], Discriminator(_form)
]


class RunList(Strict):
    """The runs of one variant at one length in a profile."""

    epochs: Whole
    seeds: Annotated[list[Whole], Field(min_length=1)]


def _lengths(entry: Any) -> str:
    """Return the tag of a profile's entry for a variant: runs of one length, or a list with one entry per length."""
    return _SEVERAL if isinstance(entry, list) else _ONE


RunLists = Annotated[
    Annotated[RunList, Tag(_ONE)] | Annotated[list[RunList], Field(min_length=1), Tag(_SEVERAL)],
    Discriminator(_lengths),
]


class Ensemble(Strict):
    """Ensembles: nets of one variant, trained at its full length, whose probabilities are averaged.

    Each list in ``seeds`` is one ensemble. The lists share no seed, so that the ensembles are independent.
    """

    variant: str
    seeds: Annotated[list[Annotated[list[Whole], Field(min_length=2)]], Field(min_length=1)]

    @model_validator(mode="after")
    def _disjoint(self) -> "Ensemble":
        every = [seed for group in self.seeds for seed in group]
        if len(set(every)) < len(every):
            raise ValueError(f"a seed stands twice in {self.seeds}; give each seed to one ensemble")
        return self


DatasetName = Literal[tuple(DATASETS)]
VariantName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]*$")]


class Study(Strict):
    """A study: its data set, variants, profiles, comparisons and designs.

    Attributes:
        dataset: the data set's name for ``python -m reproduce data``; a name with ``_subset`` is the part of a data set
            that ``--subset`` packs.
        scale: own (the source's own), imagenet, reduced, synthetic or literature.
        published_by: ``stages`` where DVC's stages train the runs, on any machine; ``publish`` where the runs need data
            or devices that most machines lack, and ``python -m reproduce publish`` adds them to results/external.
        variants: those that study.yaml writes, and those that its sweeps make.
    """

    study: str
    dataset: DatasetName
    scale: Literal["own", "imagenet", "reduced", "synthetic", "literature"]
    published_by: Literal["stages", "publish"] = "stages"
    variants: dict[VariantName, AnyVariant]
    sweeps: dict[VariantName, Sweep] = {}
    profiles: dict[Literal["standard", "full", "smoke", "tuning"], dict[str, RunLists]]
    ensembles: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], Ensemble] = {}
    comparisons: list[Comparison] = []
    factorials: list[Factorial] = []

    @model_validator(mode="after")
    def _sweeps_expanded(self) -> "Study":
        written = dict(self.variants)
        for name, sweep in self.sweeps.items():
            self.variants.update(sweep.variants(name, written))
        staged = self.profiles.get("standard", {}).keys() & (self.variants.keys() - written.keys())
        if staged:
            raise ValueError(
                f"write {sorted(staged)} under variants, not in a sweep: profile standard lists them for DVC's stages"
            )
        return self

    @model_validator(mode="after")
    def _names_known(self) -> "Study":
        for profile, lists in self.profiles.items():
            for name in lists:
                if name not in self.variants:
                    raise ValueError(f"profile {profile} lists the unknown variant {name!r}")
            lengths = Counter((name, runs.epochs) for name, runs in self.run_lists(profile))
            for (name, epochs), count in lengths.items():
                if count > 1:
                    raise ValueError(
                        f"profile {profile} lists {name} at {epochs} epochs twice; put its seeds into one list"
                    )
            twice = [run for run, count in Counter(self.runs(profile)).items() if count > 1]
            if twice:
                run = twice[0]
                raise ValueError(
                    f"profile {profile} lists seed {run.seed} of {run.variant} at {run.epochs} epochs twice; keep one"
                )
        for declared in ("comparisons", "factorials"):
            places = {study_and_variant(arm, self.study) for each in getattr(self, declared) for arm in each.arms}
            unknown = {name for study, name in places if study == self.study} - self.variants.keys()
            if unknown:
                raise ValueError(f"{declared} name unknown variants {sorted(unknown)}")
        return self

    @model_validator(mode="after")
    def _lengths_of_designs_listed(self) -> "Study":
        listed = {(run.variant, run.epochs) for profile in self.profiles for run in self.runs(profile)}
        for design in self.factorials:
            own = {arm: n for arm, n in design.lengths.items() if study_and_variant(arm, self.study)[0] == self.study}
            unlisted = own.items() - listed
            if unlisted:
                raise ValueError(
                    f"factorial {design.id}: no profile lists these variants at these epochs: {sorted(unlisted)}"
                )
        return self

    @model_validator(mode="after")
    def _ensembles_known(self) -> "Study":
        for name, ensemble in self.ensembles.items():
            if name in self.variants or ensemble.variant not in self.variants:
                raise ValueError(f"ensemble {name} must average a variant, and have a name that no variant has")
        return self

    @property
    def is_trained_by_stages(self) -> bool:
        """True where DVC's stages train the runs and publish them in place, on any machine."""
        return self.published_by == "stages"

    @property
    def is_published_by_hand(self) -> bool:
        """True where ``python -m reproduce publish`` copies the runs to results/external."""
        return self.published_by == "publish"

    def needs_golden_file(self, variant: str) -> bool:
        """Return whether a variant needs a golden file.

        It does where DVC's stages publish the study's runs and a profile other than ``tuning`` lists the variant.
        """
        listed = {name for profile, lists in self.profiles.items() if profile != "tuning" for name in lists}
        return self.is_trained_by_stages and variant in listed

    def variant(self, name: str) -> Variant | FeatureVariant:
        """Return a variant by name.

        Raises:
            ReproduceError: there is none of that name.
        """
        if name not in self.variants:
            raise ReproduceError(f"study {self.study} has no variant {name!r}; {near_or_all(name, self.variants)}")
        return self.variants[name]

    def is_of_network(self, run: RunId) -> bool:
        """Return whether a run trains a network epoch by epoch, as runs with an encoder and ensembles do not."""
        return isinstance(self.variants.get(run.variant), Variant)

    def stages(self) -> list[RunId]:
        """Return the runs that DVC's stages train, one run per stage; none where runs are published by hand."""
        return self.runs("standard") if self.is_trained_by_stages and "standard" in self.profiles else []

    def runs(self, profile: str) -> list[RunId]:
        """Return the runs of a profile, in the order of study.yaml.

        Raises:
            ReproduceError: there is no such profile.
        """
        if profile not in self.profiles:
            raise ReproduceError(f"study {self.study} has no profile {profile!r}; it has {', '.join(self.profiles)}")
        return [
            RunId(self.study, name, runs.epochs, seed) for name, runs in self.run_lists(profile) for seed in runs.seeds
        ]

    def run_lists(self, profile: str) -> Iterator[tuple[str, RunList]]:
        """Yield each variant of a profile with its runs of one length, in the order of study.yaml."""
        for name, entry in self.profiles[profile].items():
            for runs in entry if isinstance(entry, list) else [entry]:
                yield name, runs

    def stage_name(self, variant: str, epochs: int) -> str:
        """Return the name of the DVC stage that trains a variant to a length of profile ``standard``.

        It is the variant's name. Each further length has a stage of its own, as ``body13-epochs160``.
        """
        first = next((runs.epochs for name, runs in self.run_lists("standard") if name == variant), epochs)
        return variant if epochs == first else f"{variant}-epochs{epochs}"

    def publishable_runs(self) -> list[RunId]:
        """Return every run that may be published: the runs of the profiles standard and full, and the ensembles."""
        listed = [run for name in ("standard", "full") if name in self.profiles for run in self.runs(name)]
        return list(dict.fromkeys([*listed, *self.ensemble_runs()]))

    def ensemble_runs(self) -> dict[RunId, list[RunId]]:
        """Return the runs that each ensemble averages, by the run id under which the ensemble is recorded."""
        members = {}
        for name, ensemble in self.ensembles.items():
            epochs = self.variants[ensemble.variant].full_epochs()
            for number, seeds in enumerate(ensemble.seeds, 1):
                runs = [RunId(self.study, ensemble.variant, epochs, seed) for seed in seeds]
                members[RunId(self.study, name, epochs, number)] = runs
        return members

    def ensemble_config(self, run: RunId) -> dict[str, Any]:
        """Return what decides an ensemble's numbers: the runs it averages and their configuration."""
        members = self.ensemble_runs()[run]
        return {"members": [str(member) for member in members], "config_sha256": self.config_digest(members[0])}

    def config_digest(self, run: RunId) -> str:
        """Return the digest of the configuration that study.yaml now gives a run or an ensemble."""
        if run.variant in self.ensembles:
            return json_digest(self.ensemble_config(run))
        return self.variant(run.variant).digest()

    @property
    def folder(self) -> Path:
        """The study's folder under experiments/."""
        return paths.EXPERIMENTS / self.study


def load_study(name: str, experiments: Path = paths.EXPERIMENTS) -> Study:
    """Read and check experiments/<name>/study.yaml.

    Raises:
        ReproduceError: no such study, or the first violation in its file.
    """
    known = sorted(found.parent.name for found in experiments.glob("*/study.yaml"))
    if name not in known:  # looked up in the list, so that no name is ever taken for a path
        raise ReproduceError(f"there is no study {shortened(name)}; known: {', '.join(known)}")
    study = validated(Study, read_yaml(experiments / name / "study.yaml"), f"experiments/{name}/study.yaml")
    if study.study != name:
        raise ReproduceError(
            f"experiments/{name}/study.yaml says it is study {study.study!r}; correct its `study:` line"
        )
    return study
