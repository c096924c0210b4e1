"""The state of training: counters, running sums, and one history row per epoch."""

from dataclasses import dataclass, field

from reproduce.evaluate.predict import Scores
from reproduce.study.variant import Phase
from reproduce.train.phase_end import ends_early


@dataclass
class State:
    """Counters and history of training. ``sums`` holds [loss, wrong answers, images] of the epoch so far, by file."""

    phase: int = 0
    epoch_in_phase: int = 0
    update_in_epoch: int = 0
    step: int = 0
    sums: dict[int, list[float]] = field(default_factory=dict)
    history: list[dict[str, float | int | None]] = field(default_factory=list)
    first_phase_loss: float | None = None
    seconds: float = 0.0
    epoch_seconds: float = 0.0
    update_losses: list[float] = field(default_factory=list)

    def add_update(self, file: int, loss: float, wrong: float, images: int) -> None:
        """Count the figures of one update: mean loss in nats, wrong answers and images of the whole batch."""
        sums = self.sums.setdefault(file, [0.0, 0.0, 0.0])
        for place, amount in enumerate((loss * images, wrong, images)):
            sums[place] += amount

    def add_seconds(self, seconds: float) -> None:
        """Count time spent on updates, tests between epochs left out."""
        self.seconds += seconds
        self.epoch_seconds += seconds

    def end_epoch(
        self, phase: Phase, validation: Scores | None, test: Scores | None, clean: Scores | None = None
    ) -> None:
        """Append the epoch's row to the history, and go on to the next epoch or phase.

        ``clean`` holds the scores of the trained images in test mode; without it the row has no such column.
        """
        loss, wrong, images = (sum(column) for column in zip(*self.sums.values(), strict=True))
        recorded = {"clean_training_error_percent": clean.top1_error_percent} if clean else {}
        self.history.append(
            {
                "epoch": len(self.history) + 1,
                "phase": self.phase + 1,
                "weight_rate_factor": phase.weight_rate_factor,
                "training_loss_nats": loss / images,
                "training_error_percent": 100 * wrong / images,
                **recorded,
                "validation_loss_nats": validation.loss_nats if validation else None,
                "validation_error_percent": validation.top1_error_percent if validation else None,
                "test_loss_nats": test.loss_nats if test else None,
                "test_error_percent": test.top1_error_percent if test else None,
                "images": int(images),
                "seconds": self.epoch_seconds,
            }
        )
        if self.phase == 0:
            self.first_phase_loss = loss / images
        self._next_epoch(phase)

    def _next_epoch(self, phase: Phase) -> None:
        first_phase_loss = self.first_phase_loss if self.phase else None
        early = ends_early(phase, self.phase + 1, self.history, self.sums, first_phase_loss)
        self.sums, self.update_in_epoch, self.epoch_seconds = {}, 0, 0.0
        self.epoch_in_phase += 1
        if early or self.epoch_in_phase == phase.epochs:
            self.phase, self.epoch_in_phase = self.phase + 1, 0
