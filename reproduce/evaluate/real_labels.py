"""Errors by the ReaL labels of the ILSVRC-2012 validation images, beside those by the contest's own.

Beyer et al. ("Are we done with ImageNet?", 2020, https://arxiv.org/abs/2006.07159) asked people anew what each image
shows: none to several classes. An image without any is left out. timm ships these labels and counts by them.
"""

from collections.abc import Sequence

from torch import Tensor

IMAGES = 50_000
LABELS_FILE: str | None = None  # None: the one that timm ships
_FIRST = (1, 5)


def real_label_errors(probabilities: Tensor, names: Sequence[str], classes: Sequence[str]) -> dict[str, float]:
    """Return top-1 and top-5 error in percent by the ReaL labels.

    An image counts as right where the most probable class, or one of the five most probable, is among its labels.

    Args:
        probabilities: (N, classes) float32.
        names: of the images, as in the official archive.
        classes: WordNet ids in the order of the columns.

    Returns:
        ``test_real_labels_top1_error_percent`` and ``test_real_labels_top5_error_percent`` for the whole validation
        set of ILSVRC-2012, else an empty dictionary.
    """
    from timm.data import ImageNetInfo, RealLabelsImagenet

    if len(names) != IMAGES or list(classes) != ImageNetInfo("imagenet-1k").label_names():
        return {}
    counted = RealLabelsImagenet(list(names), real_json=LABELS_FILE, topk=_FIRST)
    counted.add_result(probabilities)
    return {f"test_real_labels_top{first}_error_percent": 100 - counted.get_accuracy(first) for first in _FIRST}
