"""Variants with an encoder: read from study.yaml beside networks, digested whole, wrong settings named in one line."""

import pytest
from feature_support import STUDY, tiny_variant

from reproduce.base.errors import ReproduceError
from reproduce.features.encoders import dimensions_of
from reproduce.study.claims import load_claims
from reproduce.study.feature_variant import FeatureVariant
from reproduce.study.study import load_study
from reproduce.study.variant import Variant


def load(tmp_path, old="", new=""):
    path = tmp_path / "tiny_features" / "study.yaml"
    path.parent.mkdir()
    assert old in STUDY
    path.write_text(STUDY.replace(old, new, 1))
    return load_study("tiny_features", tmp_path)


def test_the_key_encoder_tells_the_two_kinds_apart():
    assert {type(variant) for variant in load_study("before_2012").variants.values()} == {FeatureVariant}
    assert {type(variant) for variant in load_study("cifar10_nets").variants.values()} == {Variant}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("kmeans_triangle", "kmeans_square", "variants.patches.encoder: Input tag 'kmeans_square'"),
        ("centroids: 5", "centroids: 0", "centroids: Input should be greater than or equal to 1, got 0"),
        ("centroids: 5", "centriods: 5", "did you mean 'centroids'?"),
        ("storage: fp32", "storage: fp64", "variants.patches.storage: Input should be 'fp32' or 'fp16', got 'fp64'"),
        ("[1.0, 10.0]", "[10.0, 1.0]", "costs must rise"),
        ("[1.0, 10.0]", "[]", "costs: List should have at least 1 item"),
        ("iterations: 4", "iterations: 4\n      sampled_from: here", "sampled_from: Extra inputs are not permitted"),
        ("grid_step: 4", "grid_step: 4\n      sampled_from: here", "sampled_from: Input should be 'first_images' or"),
        ("grid_step: 4", "grid_step: 4\n      sift_sigma: 0.0", "sift_sigma: Input should be greater than 0, got 0.0"),
        ("[sift, color]", "[sift, gist]", "streams.1: Input should be 'sift' or 'color', got 'gist'"),
        ("held_out: 20", "held_out: 20\n    momentum: 0.9", "momentum: Extra inputs are not permitted"),
        ("whitening_constant: 0.1", "whitening_constant: .nan", "whitening_constant: Input should be a finite number"),
    ],
)
def test_a_wrong_setting_is_one_line(tmp_path, old, new, said):
    with pytest.raises(ReproduceError) as error:
        load(tmp_path, old, new)
    assert str(error.value).startswith("experiments/tiny_features/study.yaml: variants.")
    assert said in str(error.value) and "\n" not in str(error.value) and "as features" not in str(error.value)


def test_every_setting_is_in_the_digest(tmp_path):
    variant = tiny_variant("fisher", tmp_path)
    changed = [
        variant.model_copy(update={"storage": "fp16"}),
        variant.model_copy(update={"costs": [1.0]}),
        variant.model_copy(update={"encoder": variant.encoder.model_copy(update={"gaussians": 4})}),
    ]
    assert len({each.digest() for each in [variant, *changed]}) == 4


def test_younger_settings_of_an_encoder_leave_older_digests_alone(tmp_path):
    variant = tiny_variant("fisher", tmp_path)

    def changed(**settings):
        return variant.model_copy(update={"encoder": variant.encoder.model_copy(update=settings)})

    assert "sift_sigma" not in variant.resolved()["encoder"]
    assert changed(sift_sigma=1.6, sampled_from="first_images").digest() == variant.digest()
    assert len({each.digest() for each in (variant, changed(sift_sigma=0.5), changed(sampled_from="all_images"))}) == 3


def test_its_length_is_one_reading(tmp_path):
    variant = tiny_variant("patches", tmp_path)
    assert variant.full_epochs() == 1 and variant.schedule(1) == "full"
    with pytest.raises(ReproduceError, match="ask for 1 epoch"):
        variant.schedule(2)


def test_the_constants_of_coates_lee_and_ng_are_as_printed():
    variant = load_study("before_2012").variant("kmeans_1600")
    encoder = variant.encoder
    assert (encoder.patch_side, encoder.patches, encoder.centroids) == (6, 400_000, 1_600)
    assert (encoder.contrast_constant, encoder.whitening_constant) == (10.0, 0.1)
    larger = load_study("before_2012").variant("kmeans_4000").encoder
    assert larger == encoder.model_copy(update={"centroids": 4_000})


def test_fisher_vectors_and_the_visual_words_beside_them_differ_in_the_coding_alone():
    study = load_study("before_2012")
    (claim,) = (claim for claim in load_claims() if claim.id == "fisher-vectors-beat-visual-words")
    second, first = (study.variant(name) for name in claim.arms)
    shared = first.encoder.model_dump().keys() & second.encoder.model_dump().keys() - {"type"}
    assert {name: getattr(first.encoder, name) for name in shared} == {
        name: getattr(second.encoder, name) for name in shared
    }
    assert first.model_dump(exclude={"encoder"}) == second.model_dump(exclude={"encoder"})
    assert [dimensions_of(each.encoder) for each in (first, second)] == [40_960, 5_120]
    assert all(f"{dimensions_of(each.encoder):,}" in claim.protocol for each in (first, second))


def test_the_costs_of_descriptors_are_a_decade_apart():
    for name in ("before_2012", "ilsvrc2010_before"):
        assert load_study(name).variant("fisher_vectors").costs == [1.0, 10.0, 1e2, 1e3, 1e4, 1e5]
