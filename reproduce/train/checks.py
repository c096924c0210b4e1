"""Checks that a data set suits a variant, made before anything is trained."""

from reproduce.data.in_memory import TrainingData
from reproduce.data.opening import Data
from reproduce.study.variant import Phase, Variant
from reproduce.train.order import shortest_batch


def data_problem(variant: Variant, phases: list[Phase], data: Data, processes: int) -> str | None:
    """Return the reason why ``variant`` cannot be trained on ``data`` by that many processes; None where it can."""
    spec = variant.network_spec()
    *_, (_, _, _, outputs, _) = spec.shapes(spec.input.size)
    if data.image_side < spec.input.size:
        return f"{variant.network} reads {spec.input.size} pixels a side and the images have {data.image_side}"
    if data.classes > outputs:
        return f"{variant.network} tells {outputs} classes apart and the data have {data.classes}"
    last_file = max(file for phase in phases for file in phase.training_files)
    if last_file > data.files:
        return f"a phase reads file {last_file} and the data have {data.files}; correct training_files in study.yaml"
    if any(p.until == "validation_error_plateau" and data.validation(p.training_files) is None for p in phases):
        return (
            "validation_error_plateau needs validation images, and this data set has none; use another rule as `until`"
        )
    if variant.augmentation == "padded_crops_and_flips" and not isinstance(data, TrainingData):
        return "padded crops are for data sets in memory, and these images are read from disk; use crops_and_flips"
    return _sharing_problem(variant, phases, data, processes)


def _sharing_problem(variant: Variant, phases: list[Phase], data: Data, processes: int) -> str | None:
    if processes > 1 and variant.network_spec().normalizes_batches():
        return f"{variant.network} normalizes over whole batches, which {processes} processes would cut up; use one"
    settings = data.images_per_file, variant.batch_size, variant.order
    fewest = min(shortest_batch(phase.training_files, *settings) for phase in phases)
    if fewest < processes:
        return f"the shortest batch has {fewest} images, too few for {processes} processes; use at most {fewest}"
    tested = min(len(data.test()), variant.evaluated_images or len(data.test()))
    if tested < processes:
        return f"{tested} test images are fewer than the {processes} processes; use fewer"
    return None


def passes_problem(variant: Variant, images_per_pass: int | None) -> str | None:
    """Return the reason why a batch of ``variant`` cannot go through the network in several passes, or None."""
    in_one_pass = images_per_pass is None or images_per_pass >= variant.batch_size
    if in_one_pass or not variant.network_spec().normalizes_batches():
        return None
    return f"{variant.network} normalizes over whole batches, so --images-per-pass must be {variant.batch_size} or more"
