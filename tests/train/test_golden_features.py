"""A feature variant's golden file sees each change of its numerics that could move a result."""

import pytest
import torch

from reproduce.features import descriptors, encode_and_fit, encoders, fisher, kmeans, svm
from reproduce.features import patches as patches_module
from reproduce.study.study import load_study
from reproduce.train import golden

pytestmark = pytest.mark.usefixtures("one_thread")
STUDY = load_study("before_2012")


def enumerate_images(images):
    """Yield the images in their order, as all of them were read before the seed drew them."""
    return ((number, batch) for number, (batch, _) in enumerate(images.batches(range(len(images)))))


def problems(name):
    return "\n".join(golden.check_golden(STUDY, name))


@pytest.mark.parametrize(
    ("variant", "module", "name", "changed", "part"),
    [
        ("kmeans_1600", encoders, "quadrant_sums", lambda a: kmeans.quadrant_sums(a).roll(6, 1), "features"),
        ("kmeans_1600", encoders, "triangle_activation", lambda v, c: -torch.cdist(v, c), "features"),
        ("kmeans_1600", encoders, "contrast_normalized", lambda p, _: p - p.mean(-1, keepdim=True), "dictionary"),
        ("kmeans_1600", encoders, "fit_whitening", lambda p, _: patches_module.fit_whitening(p, 1.0), "dictionary"),
        ("kmeans_1600", svm, "_VARIANCE_ADDED", 100.0, "scores"),
        ("kmeans_1600", encode_and_fit, "fit_scaling", lambda features, rows: None, "scores"),
        ("fisher_vectors", fisher, "signed_root", lambda vectors: vectors, "features"),
        ("fisher_vectors", fisher, "unit_length", lambda vectors: vectors, "features"),
        ("fisher_vectors", encoders, "descriptors_of", lambda s, _: descriptors.descriptors_of(s, 1.6), "dictionary"),
        ("fisher_vectors", encoders, "_sampled_images", lambda _, i, s: enumerate_images(i), "dictionary"),
        ("fisher_vectors", encoders, "_grid", lambda s, i: encoders.dense_grid(i.shape[1], [8], 2), "dictionary"),
    ],
)
def test_a_change_is_seen(monkeypatch, variant, module, name, changed, part):
    monkeypatch.setattr(module, name, changed)
    assert f"fp32 {part}" in problems(variant)


def test_another_configuration_is_seen():
    variant = STUDY.variant("kmeans_1600").model_copy(update={"tolerance": 1e-4})
    changed = STUDY.model_copy(update={"variants": STUDY.variants | {"kmeans_1600": variant}})
    assert golden.check_golden(changed, "kmeans_1600") == [
        "the configuration is not the one the golden file was recorded with"
    ]
