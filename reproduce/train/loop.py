"""The training loop: phases, epochs, updates, history, and a state that can be saved after any update."""

import math
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from reproduce.config import Phase, Variant
from reproduce.data.augment import center_crop_of_mean, random_crops, to_input
from reproduce.errors import ReproduceError
from reproduce.evaluate.predict import Scores, class_probabilities, scores
from reproduce.models.network import Network, StepDraw
from reproduce.train.batches import batches_of_epoch, updates_per_epoch
from reproduce.train.update import MomentumUpdate

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
_ALL_FILES = 5


@dataclass(frozen=True)
class TrainingData:
    """Images (N, H, W, C) uint8 and labels (N,) int64 on the training device; mean image (C, H, W) float64."""

    training_images: Tensor
    training_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    mean_image: np.ndarray

    @property
    def images_per_file(self) -> int:
        """Training images in each of the five files."""
        return len(self.training_images) // _ALL_FILES

    def file_rows(self, file: int) -> slice:
        """Return where file 1 to 5 lies in the training set."""
        return slice((file - 1) * self.images_per_file, file * self.images_per_file)


@dataclass
class State:
    """Where training stands. ``sums`` holds [loss, wrong, images] of the epoch so far, by file."""

    phase: int = 0
    epoch_in_phase: int = 0
    update_in_epoch: int = 0
    step: int = 0
    sums: dict[int, list[float]] = field(default_factory=dict)
    history: list[dict[str, float | int | None]] = field(default_factory=list)
    first_phase_loss: float | None = None
    seconds: float = 0.0
    epoch_seconds: float = 0.0


class Trainer:
    """Trains one run. ``advance`` does one update; everything needed to go on is in ``state_dict``."""

    def __init__(self, variant: Variant, phases: list[Phase], seed: int, data: TrainingData) -> None:
        self.variant, self.phases, self.seed, self.data = variant, phases, seed, data
        spec = variant.network_spec()
        device = data.training_images.device
        self.network = Network(spec, seed).to(device)
        self.update = MomentumUpdate(self.network, variant.momentum)
        self.dtype = DTYPES[variant.precision]
        self.mean = center_crop_of_mean(data.mean_image, spec.input.size).to(device)
        self.state = State()
        self._rows: list[tuple[int, Tensor]] | None = None

    def finished(self) -> bool:
        """Return whether every phase is done."""
        return self.state.phase >= len(self.phases)

    def total_updates(self) -> int:
        """Return the updates of the whole schedule (an upper bound where a phase may stop early)."""
        per_epoch = [self._updates_of(phase) for phase in self.phases]
        return sum(phase.epochs * updates for phase, updates in zip(self.phases, per_epoch, strict=True))

    def _updates_of(self, phase: Phase) -> int:
        return updates_per_epoch(phase.training_files, self.data.images_per_file, self.variant.batch_size)

    def advance(self) -> None:
        """Do one update; at the end of an epoch also the evaluation and the history row.

        Raises:
            ReproduceError: the loss is not finite.
        """
        started = time.perf_counter()
        state, phase = self.state, self.phases[self.state.phase]
        if self._rows is None:
            settings = self.variant.batch_size, self.variant.order, self.seed, len(state.history)
            self._rows = list(batches_of_epoch(phase.training_files, self.data.images_per_file, *settings))
        file, rows = self._rows[state.update_in_epoch]
        loss, wrong = self._one_update(rows.to(self.data.training_images.device), phase)
        state.step += 1
        state.update_in_epoch += 1
        self._check_finite(loss)
        sums = state.sums.setdefault(file, [0.0, 0.0, 0.0])
        for place, amount in enumerate((loss * len(rows), wrong, len(rows))):
            sums[place] += amount
        elapsed = time.perf_counter() - started
        state.seconds += elapsed
        state.epoch_seconds += elapsed
        if state.update_in_epoch == len(self._rows):
            self._end_epoch(phase)

    def _one_update(self, rows: Tensor, phase: Phase) -> tuple[float, float]:
        images = self.training_input(rows)
        labels = self.data.training_labels[rows]
        logits = self.network(images, StepDraw(self.seed, self.state.step))
        loss = functional.cross_entropy(logits, labels)
        gradients = torch.autograd.grad(loss, self.update.parameters)
        self.update.step(list(gradients), phase.weight_rate_factor, phase.bias_rate_factor)
        return loss.item(), float((logits.detach().argmax(1) != labels).sum())

    def training_input(self, rows: Tensor) -> Tensor:
        """Return the images of ``rows`` as the network reads them at the present step: cropped, centered, cast."""
        images, size = self.data.training_images, self.network.spec.input.size
        if self.variant.augmentation == "crops_and_flips":
            return to_input(random_crops(images, rows, size, self.seed, self.state.step), self.mean, self.dtype)
        border = (images.shape[1] - size) // 2
        pixels = images[rows][:, border : border + size, border : border + size]
        return to_input(pixels, self.mean, self.dtype)

    def _check_finite(self, loss: float) -> None:
        if math.isfinite(loss):
            return
        epoch, state = len(self.state.history) + 1, self.state
        raise ReproduceError(
            f"the loss became {loss} in epoch {epoch}, update {state.update_in_epoch} (step {state.step} of the run); "
            "try a lower learning_rate or weight_std in the network spec, or precision: fp32"
        )

    def _end_epoch(self, phase: Phase) -> None:
        state = self.state
        loss, wrong, images = (sum(column) for column in zip(*state.sums.values(), strict=True))
        held_out = [file for file in range(1, _ALL_FILES + 1) if file not in phase.training_files]
        validation = self.evaluate_files(held_out) if held_out else None
        test = self.evaluate(self.data.test_images, self.data.test_labels, views=1)
        self._check_finite(test.loss_nats)  # the epoch's last update may have lost the weights
        state.history.append(
            {
                "epoch": len(state.history) + 1,
                "phase": state.phase + 1,
                "weight_rate_factor": phase.weight_rate_factor,
                "training_loss_nats": loss / images,
                "training_error_percent": 100 * wrong / images,
                "validation_loss_nats": validation.loss_nats if validation else None,
                "validation_error_percent": validation.top1_error_percent if validation else None,
                "test_loss_nats": test.loss_nats,
                "test_error_percent": test.top1_error_percent,
                "images": int(images),
                "seconds": state.epoch_seconds,
            }
        )
        if state.phase == 0:
            state.first_phase_loss = loss / images
        self._next_epoch(phase)

    def _next_epoch(self, phase: Phase) -> None:
        state = self.state
        reached = False
        if phase.until == "file_5_reaches_first_phase_loss" and state.first_phase_loss is not None:
            file_loss, _, file_images = state.sums.get(5, [math.inf, 0.0, 1.0])
            reached = file_loss / file_images <= state.first_phase_loss
        state.sums, state.update_in_epoch, state.epoch_seconds = {}, 0, 0.0
        state.epoch_in_phase += 1
        self._rows = None
        if reached or state.epoch_in_phase == phase.epochs:
            state.phase, state.epoch_in_phase = state.phase + 1, 0

    def evaluate(self, images: Tensor, labels: Tensor, views: int) -> Scores:
        """Return loss and error in test mode on images (N, H, W, C) uint8."""
        return scores(class_probabilities(self.network, images, self.mean, self.dtype, views), labels)

    def evaluate_files(self, files: list[int]) -> Scores:
        """Return loss and error in test mode, center view, on whole training files."""
        rows = torch.cat([torch.arange(*self.data.file_rows(file).indices(10**9)) for file in files])
        return self.evaluate(self.data.training_images[rows], self.data.training_labels[rows], views=1)

    def state_dict(self) -> dict[str, Any]:
        """Return everything needed to go on: weights, velocities and where training stands."""
        return {
            "weights": self.network.state_dict(),
            "velocities": self.update.velocities,
            "state": vars(self.state),
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Go on from ``saved``."""
        self.network.load_state_dict(saved["weights"])
        for velocity, value in zip(self.update.velocities, saved["velocities"], strict=True):
            velocity.copy_(value)
        self.state = State(**saved["state"])
        self._rows = None
