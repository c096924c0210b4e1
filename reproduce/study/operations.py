"""Training operations of a run, and the number of whole epochs that comes nearest to given operations."""

from reproduce.data.registry import DATASETS
from reproduce.models.counts import training_flops_per_image
from reproduce.study.variant import Variant


def images_trained_on(variant: Variant, epochs: int, dataset: str) -> int:
    """Return the number of images that go through the network in training, counted once per pass.

    Args:
        variant: what is trained.
        epochs: length of the schedule.
        dataset: name of a data set; not of a subset, whose size the user chooses.

    Raises:
        ReproduceError: fewer epochs than phases.
    """
    images, files = DATASETS[dataset].training_images, DATASETS[dataset].training_files
    if variant.training_images is not None:
        images, files = variant.training_images, 1
    read = sum(phase.epochs * len(phase.training_files) for phase in variant.scaled_phases(epochs))
    return read * (images // files)


def training_operations(variant: Variant, epochs: int, dataset: str) -> int:
    """Return the number of floating-point operations of a run's forward and backward passes.

    The arguments are those of ``images_trained_on``.
    """
    return images_trained_on(variant, epochs, dataset) * training_flops_per_image(variant.network_spec())


def epochs_at(operations: float, variant: Variant, dataset: str) -> int:
    """Return the number of whole epochs whose training operations come nearest to ``operations``."""
    full = variant.full_epochs()
    return max(1, round(operations / (training_operations(variant, full, dataset) / full)))
