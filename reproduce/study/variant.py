"""Variants and their schedules: everything that decides a run's numbers, except its length and seed."""

import math
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, model_validator

from reproduce.base.errors import ReproduceError
from reproduce.base.files import json_digest
from reproduce.base.validation import Strict, Whole, later, without_later_defaults
from reproduce.models.spec import NetworkSpec, NonNegative, load_spec

TrainingFile = Annotated[int, Field(ge=1, le=5)]
Order = Literal["files", "reshuffled", "pooled"]


class LayerRates(Strict):
    """Rate factors of one layer, in place of the phase's factors; 0 freezes the weights or the biases."""

    weight_rate_factor: NonNegative
    bias_rate_factor: NonNegative


class Phase(Strict):
    """A stretch of training at constant rates.

    Attributes:
        epochs: length of the phase, or its greatest length where ``until`` can end it sooner.
        training_files: files read every epoch, in this order; a data set in one piece is file 1.
        weight_rate_factor, bias_rate_factor: multiply each layer's own rates; cuda-convnet's recipes for CIFAR-10
            lower only the weights' factor (deviation D24).
        layer_rates: factors of single layers, by the layer's name.
        color_noise: False leaves the variant's color noise out of this phase (deviation D9).
        until: the rule that ends the phase. ``epochs`` runs its whole length. ``file_5_reaches_first_phase_loss``, the
            authors' rule for CIFAR-10, stops once the training loss on file 5 has fallen to the training loss at the
            end of the first phase. ``validation_error_plateau``, the paper's rule (section 5), stops once
            ``plateau_epochs`` epochs in a row have not lowered the phase's best validation error.
            ``training_error_reached`` (paper, Figure 1) stops once the running training error is at most
            ``target_error_percent``; so must be the training error in test mode, where it is recorded.
        course: course of the rates within the phase: ``constant``, or ``cosine``, along which the rates fall to zero
            with every update, along half a cosine (Loshchilov & Hutter 2017, without restarts).
    """

    epochs: Whole
    training_files: Annotated[list[TrainingFile], Field(min_length=1)]
    weight_rate_factor: NonNegative
    bias_rate_factor: NonNegative = 1.0
    layer_rates: dict[str, LayerRates] = later({})
    color_noise: bool = later(True)
    until: Literal[
        "epochs", "file_5_reaches_first_phase_loss", "validation_error_plateau", "training_error_reached"
    ] = "epochs"
    plateau_epochs: Whole = later(3)
    target_error_percent: Annotated[float, Field(gt=0, lt=100)] = later(25.0)
    course: Literal["constant", "cosine"] = later("constant")

    @model_validator(mode="after")
    def _course_has_an_end(self) -> "Phase":
        if self.course == "cosine" and self.until != "epochs":
            raise ValueError("course: cosine needs until: epochs, since the phase's length must be known at its start")
        return self

    def at(self, share_done: float) -> "Phase":
        """Return the phase with its rates after the share ``share_done`` (0 to 1) of its updates."""
        if self.course == "constant":
            return self
        left = (1 + math.cos(math.pi * share_done)) / 2
        layers = {name: LayerRates(**_times(rates.model_dump(), left)) for name, rates in self.layer_rates.items()}
        own = {"weight_rate_factor": self.weight_rate_factor, "bias_rate_factor": self.bias_rate_factor}
        return self.model_copy(update={**_times(own, left), "layer_rates": layers})

    def rate_factors(self, layer: str) -> tuple[float, float]:
        """Return the factors of a layer's weight and bias rates."""
        rates = self.layer_rates.get(layer, self)
        return rates.weight_rate_factor, rates.bias_rate_factor


def _times(rates: dict[str, float], factor: float) -> dict[str, float]:
    return {name: rate * factor for name, rate in rates.items()}


class Variant(Strict):
    """One recipe: a network, and all settings of its training and test.

    Attributes:
        network: name of a spec in reproduce/models/specs.
        changes: values that replace those of the spec, by "layer.field" or "*.field"; an ablation is one entry.
        remove: names of layers left out of the spec.
        precision: arithmetic of the layers; weights, updates and losses are always float32 (deviation D32).
        batch_size: images per update; the last batch of a file may be shorter and still takes a full step.
        momentum: decay of the velocity.
        nesterov: take Nesterov's form of the momentum.
        clip_gradient_norm: gradients of an update with a greater norm are shortened to this norm; None never does.
        order: ``files`` reads the images in the order of the files, the same every epoch (cuda-convnet);
            ``reshuffled`` draws a new order for each epoch and cuts it into batches where files would end; ``pooled``
            draws the same order and cuts it as one.
        augmentation: ``none``; ``crops_and_flips``: a random crop of the network's input size, mirrored or not;
            ``padded_crops_and_flips``: the same from the image padded by four pixels on each side (He et al. 2016).
        color_noise: ``none``, or the form of the noise along the principal color axes (paper 4.1; deviation D8).
        input_scale: ``gray_levels`` leaves pixels at 0 to 255 (deviation D7); ``unit_variance`` divides each channel by
            its standard deviation over the training pixels.
        training_images: train on a fixed, balanced part of this many images and hold out the rest; None for all.
        held_out_images: hold out only this many of the rest, balanced too. They are evaluated after every epoch in
            place of the test images, which are then evaluated only at the end. None holds out the whole rest.
        image_side: enlarge the images to this many pixels a side before anything else; None leaves them.
        evaluated_images: evaluate on this many images of each set, from the first on; None for all.
        diagnostics: further records: ``update_losses``, the loss of every update;
            ``activation_scales``, the scale of each layer's outputs before the first update and after the last;
            ``clean_training_error``, the error in test mode on the trained files after every epoch;
            ``nearest_neighbors``, the training images nearest to test images in the last hidden layer.
        test_views: averaged over at test time: 1, 9 or 10, as ``data.augment.view_offsets`` lists them.
        phases: the source's full schedule.
    """

    network: str
    changes: dict[str, float | int | str] = {}
    remove: list[str] = []
    precision: Literal["fp32", "bf16"]
    batch_size: Whole
    momentum: Annotated[float, Field(ge=0, lt=1)]
    nesterov: bool = later(False)
    clip_gradient_norm: PositiveFloat | None = later(None)
    order: Order
    augmentation: Literal["none", "crops_and_flips", "padded_crops_and_flips"]
    color_noise: Literal["none", "standard_deviation", "eigenvalue"] = later("none")
    input_scale: Literal["gray_levels", "unit_variance"] = later("gray_levels")
    training_images: Whole | None = later(None)
    held_out_images: Whole | None = later(None)
    image_side: Whole | None = later(None)
    evaluated_images: Whole | None = later(None)
    diagnostics: list[Literal["update_losses", "activation_scales", "clean_training_error", "nearest_neighbors"]] = (
        later([])
    )
    test_views: Literal[1, 9, 10]
    phases: Annotated[list[Phase], Field(min_length=1)]

    @model_validator(mode="after")
    def _rule_needs_files(self) -> "Variant":
        rules = {phase.until for phase in self.phases}
        if self.order != "files" and "file_5_reaches_first_phase_loss" in rules:
            raise ValueError(
                f"file_5_reaches_first_phase_loss needs order: files; {self.order} mixes file 5 with the others"
            )
        return self

    @model_validator(mode="after")
    def _held_out_of_a_part(self) -> "Variant":
        if self.held_out_images is not None and self.training_images is None:
            raise ValueError("held_out_images are taken from what training_images leave; set both")
        return self

    @model_validator(mode="after")
    def _layers_known(self) -> "Variant":
        named = {layer for phase in self.phases for layer in phase.layer_rates}
        if named:
            unknown = named - {layer.name for layer in self.network_spec().weighted_layers()}
            if unknown:
                raise ValueError(f"layer_rates name {sorted(unknown)}, which {self.network} does not have")
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

    def check_length(self, epochs: int) -> None:
        """Check a run's length.

        Raises:
            ReproduceError: fewer epochs than phases.
        """
        self.scaled_phases(epochs)

    def scaled_phases(self, epochs: int) -> list[Phase]:
        """Return the phases in proportion, shortened or stretched to ``epochs`` in all, each at least one epoch long.

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
        """Return everything that decides the numbers, network included, as plain data.

        Fields declared by ``later`` are left out at their defaults.
        """
        content = without_later_defaults(self, self.model_dump(exclude={"network", "changes", "remove"}))
        content["phases"] = [without_later_defaults(phase, phase.model_dump()) for phase in self.phases]
        return {**content, "network": self.network, "network_spec": self.network_spec().model_dump()}

    def digest(self) -> str:
        """Return the SHA-256 of ``resolved()``."""
        return json_digest(self.resolved())
