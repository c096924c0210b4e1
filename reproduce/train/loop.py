"""The training loop: phases, epochs, updates, history, and a state that can be saved after any update."""

import math
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from reproduce.base.errors import ReproduceError
from reproduce.data.augment import ColorNoise, center_crop_of_mean
from reproduce.data.ilsvrc.training import PackedSet
from reproduce.data.in_memory import ImageSet
from reproduce.data.opening import Data
from reproduce.data.steps import Batch, Step
from reproduce.evaluate.predict import Scores, scores, streamed_probabilities
from reproduce.models.network import Network, StepDraw
from reproduce.study.variant import Phase, Variant
from reproduce.train.checks import data_problem, passes_problem
from reproduce.train.distributed import Processes
from reproduce.train.later_update import clipped, update_of
from reproduce.train.order import batches_of_epoch, updates_per_epoch
from reproduce.train.state import State

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
_ALONE = Processes()


class Trainer:
    """Trains one run. ``advance`` does one update; everything needed to go on is in ``state_dict``."""

    def __init__(
        self,
        variant: Variant,
        phases: list[Phase],
        seed: int,
        data: Data,
        processes: Processes = _ALONE,
        images_per_pass: int | None = None,
    ) -> None:
        """Build network and update rule.

        Args:
            variant, phases, seed: what to train.
            data: the data set, on the training device.
            processes: the processes that share every batch.
            images_per_pass: most images that go through the network at once, None for a process's share of a batch;
                gradients are added up over the passes.

        Raises:
            ReproduceError: the data do not suit the network or the schedule.
        """
        self.variant, self.phases, self.seed, self.data = variant, phases, seed, data
        self.processes, self.images_per_pass = processes, images_per_pass
        spec = variant.network_spec()
        processes.agreed(self._check_data)
        self.network = Network(spec, seed).to(data.device)
        self.update = update_of(variant, self.network)
        self.dtype = DTYPES[variant.precision]
        self.mean = center_crop_of_mean(data.mean_image, spec.input.size).to(data.device)
        self.deviation = self._deviation()
        self.noise = self._noise()
        self.state = State()
        self._trained = processes.wrapped(self.network)
        self._updates_in_all = self.total_updates()
        self._files: list[int] = []  # the file that each update of the present epoch reads
        self._batches: Iterator[Batch] | None = None

    def _check_data(self) -> None:
        problem = data_problem(self.variant, self.phases, self.data, self.processes.count)
        problem = problem or passes_problem(self.variant, self.images_per_pass)
        if problem:
            raise ReproduceError(problem)

    def _batch_settings(self, epoch: int) -> tuple[Any, ...]:
        return self.variant.batch_size, self.variant.order, self.seed, epoch

    def _deviation(self) -> Tensor | float:
        if self.variant.input_scale == "gray_levels":
            return 1.0
        variances = torch.from_numpy(self._covariance().diagonal().copy())
        return variances.sqrt().float().to(self.data.device)

    def _noise(self) -> ColorNoise | None:
        form = self.variant.color_noise
        return None if form == "none" else ColorNoise.from_covariance(self._covariance(), form)

    def _covariance(self) -> Any:
        if self.data.color_covariance is None:
            raise ReproduceError("color_noise and input_scale need the data set's color covariance, which it lacks")
        return self.data.color_covariance

    def finished(self) -> bool:
        """Return whether every phase is done."""
        return self.state.phase >= len(self.phases)

    def total_updates(self) -> int:
        """Return the number of updates of the whole schedule (an upper bound where a phase may stop early)."""
        per_epoch = [self._updates_of(phase) for phase in self.phases]
        return sum(phase.epochs * updates for phase, updates in zip(self.phases, per_epoch, strict=True))

    def _updates_of(self, phase: Phase) -> int:
        variant = self.variant
        return updates_per_epoch(phase.training_files, self.data.images_per_file, variant.batch_size, variant.order)

    def advance(self) -> None:
        """Do one update; at the end of an epoch also the evaluation and the history row.

        Raises:
            ReproduceError: the loss is not finite.
        """
        started = time.perf_counter()
        state, phase = self.state, self.phases[self.state.phase]
        if self._batches is None:
            self._open_epoch(phase)
        loss, wrong, images = self._one_update(phase)
        file = self._files[state.update_in_epoch]
        state.step += 1
        state.update_in_epoch += 1
        self._check_finite(loss)
        state.add_update(file, loss, wrong, images)
        if "update_losses" in self.variant.diagnostics:
            state.update_losses.append(loss)
        state.add_seconds(time.perf_counter() - started)
        if state.update_in_epoch == len(self._files):
            self._end_epoch(phase)

    def _open_epoch(self, phase: Phase) -> None:
        """Start reading the present epoch from the present update on."""
        state, settings = self.state, self._batch_settings(len(self.state.history))
        updates = list(batches_of_epoch(phase.training_files, self.data.images_per_file, *settings))
        self._files = [file for file, _ in updates]
        noise = self.noise if phase.color_noise else None
        steps = (
            Step(number, rows.numpy(), positions, noise)
            for number, (_, rows) in enumerate(updates[state.update_in_epoch :], state.step)
            for positions in self._passes(len(rows))
        )
        size, augmentation = self.network.spec.input.size, self.variant.augmentation
        self._batches = self.data.training_batches(steps, size, self.seed, augmentation)

    def _passes(self, images: int) -> list[slice]:
        """Return this process's positions in a batch, one slice per pass through the network."""
        part = self.processes.part_of(images)
        at_once = self.images_per_pass or len(part)
        return [slice(start, min(start + at_once, part.stop)) for start in range(part.start, part.stop, at_once)]

    def _one_update(self, phase: Phase) -> tuple[float, float, int]:
        """Do one update; return the whole batch's mean loss, number of wrong answers and number of images."""
        loss = wrong = 0.0
        self.network.zero_grad()
        while True:
            batch = next(self._batches)
            images = len(batch.step.rows)
            last = batch.step.positions.stop == self.processes.part_of(images).stop
            part_loss, part_wrong = self._one_pass(batch, last)
            loss, wrong = loss + part_loss, wrong + part_wrong
            if last:
                break
        gradients = clipped([p.grad for p in self.update.parameters], self.variant.clip_gradient_norm)
        self.update.step(gradients, phase.at(self._share_of_phase(phase)))
        loss, wrong = self.processes.sums([loss, wrong])
        return loss, wrong, images

    def _share_of_phase(self, phase: Phase) -> float:
        """Return the share of the phase's updates that are done, 0 to less than 1."""
        done = self.state.epoch_in_phase * len(self._files) + self.state.update_in_epoch
        return done / (phase.epochs * len(self._files))

    def _one_pass(self, batch: Batch, last: bool) -> tuple[float, float]:
        """Add one pass's gradients; return the pass's part of the batch's mean loss, and of its wrong answers."""
        inputs = batch.network_input(self.mean, self.dtype, self.deviation)
        images = len(batch.step.rows)
        share = batch.step.number / self._updates_in_all
        draw = StepDraw(self.seed, batch.step.number, images, batch.step.positions, share)
        with self.processes.adding_up(self._trained, last):
            logits = self._trained(inputs, draw)
            loss = functional.cross_entropy(logits, batch.labels) * (len(batch.labels) / images)
            total = loss + self._auxiliary_loss(batch.labels) * (len(batch.labels) / images)
            (total * self.processes.count).backward()  # the processes' gradients are averaged, not summed
        return loss.item(), float((logits.detach().argmax(1) != batch.labels).sum())

    def _auxiliary_loss(self, labels: Tensor) -> Tensor | float:
        """Return the loss that auxiliary heads add to the mean loss of the images just passed; 0 without such heads."""
        heads = self.network.auxiliary_heads()
        return sum((head.settings.loss_weight * functional.cross_entropy(head.logits, labels) for head in heads), 0.0)

    def training_input(self, rows: Tensor) -> Tensor:
        """Return the images of ``rows`` as the network reads them at the present step and phase, (n, C, H, H)."""
        noise = self.noise if self.phases[self.state.phase].color_noise else None
        step = Step(self.state.step, rows.numpy(), noise=noise)
        size, augmentation = self.network.spec.input.size, self.variant.augmentation
        batch = next(iter(self.data.training_batches([step], size, self.seed, augmentation)))
        return batch.network_input(self.mean, self.dtype, self.deviation)

    def _check_finite(self, loss: float) -> None:
        if math.isfinite(loss):
            return
        epoch, state = len(self.state.history) + 1, self.state
        error = ReproduceError(
            f"the loss became {loss} in epoch {epoch}, update {state.update_in_epoch} (step {state.step} of the run); "
            "try a lower learning_rate or weight_std in the network spec, or precision: fp32"
        )
        self.processes.fail(error)

    def _end_epoch(self, phase: Phase) -> None:
        held_out = self.data.validation(phase.training_files)
        validation = self.evaluate(held_out) if held_out is not None else None
        test = self.evaluate(self.data.test()) if self.data.tests_every_epoch else None
        recorded = "clean_training_error" in self.variant.diagnostics
        clean = self.evaluate(self.data.training(phase.training_files)) if recorded else None
        for seen in (validation, test):
            if seen is not None:
                self._check_finite(seen.loss_nats)  # the epoch's last update may have made weights infinite
        self.state.end_epoch(phase, validation, test, clean)
        self._batches = None

    def probabilities(self, images: ImageSet | PackedSet, views: int) -> tuple[Tensor, Tensor]:
        """Return test-mode softmax outputs averaged over the views, (N, classes) float32, and labels, on the CPU."""
        count = min(len(images), self.variant.evaluated_images or len(images))
        batches = images.batches(self.processes.part_of(count))
        settings = self.mean, self.dtype, views, self.deviation
        parts = streamed_probabilities(self.network, batches, *settings)
        return self.processes.joined(parts[0]), self.processes.joined(parts[1])

    def evaluate(self, images: ImageSet | PackedSet, views: int = 1) -> Scores:
        """Return loss and error in test mode."""
        return scores(*self.probabilities(images, views))

    def state_dict(self) -> dict[str, Any]:
        """Return everything needed to go on: weights, velocities, and the counters and history of training."""
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
        self._batches = None
