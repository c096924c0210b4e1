"""The two ILSVRC studies say what the paper and the authors' scripted run say, and differ in what they claim to."""

import pytest

from reproduce.models.counts import total_parameters
from reproduce.study.study import load_study

STUDIES = {name: load_study(name) for name in ("ilsvrc2010", "ilsvrc2012")}
PAPER = STUDIES["ilsvrc2012"].variant("paper")
OWN_SCHEDULE = {"torchvision", "early", "early_biases_zero", "plateau", "plateau_no_dropout"}

# run4.sh and layer-params-120-4gpu[-auto2..6]: from which epoch on, and the rates of weights and biases of conv1, then
# of the rest; color noise is off from epoch 66 on.
RUN4 = {
    0: (0.01, 0.02, 0.01, 0.02),
    22: (0.001, 0.002, 0.001, 0.002),
    49: (0.0001, 0.002, 0.0001, 0.002),
    66: (0.00001, 0.002, 0.0001, 0.002),
    73: (0.0, 0.0, 0.0001, 0.002),
    81: (0.0, 0.0, 0.00001, 0.002),
}


def rates(variant, phase, layer):
    """Return the rates of a layer's weights and biases in a phase."""
    (settings,) = (found for found in variant.network_spec().weighted_layers() if found.name == layer)
    weights, biases = phase.rate_factors(layer)
    return settings.learning_rate * weights, settings.bias_learning_rate * biases


@pytest.mark.parametrize(
    ("study", "name"),
    [(study, name) for study in STUDIES.values() for name in study.variants if name not in OWN_SCHEDULE],
    ids=lambda value: getattr(value, "study", value),
)
def test_the_schedule_is_the_scripted_run(study, name):
    variant, start = study.variant(name), 0
    others = [layer.name for layer in variant.network_spec().weighted_layers() if layer.name != "conv1"]
    for phase in variant.phases:
        conv1_weights, conv1_biases, weights, biases = RUN4[start]
        assert rates(variant, phase, "conv1") == pytest.approx((conv1_weights, conv1_biases))
        for layer in others:
            assert rates(variant, phase, layer) == pytest.approx((weights, biases))
        assert phase.color_noise == (start < 66)
        start += phase.epochs
    assert start == variant.full_epochs() == 95


def test_the_smoke_and_every_listed_length_hold_the_phases():
    for study in STUDIES.values():
        for profile in study.profiles:
            for run in study.runs(profile):
                variant = study.variant(run.variant)
                assert len(variant.scaled_phases(run.epochs)) == len(variant.phases)
                assert profile == "smoke" or run.epochs == variant.full_epochs()


def test_both_studies_train_the_same_paper():
    for name in ("paper", "paper_bf16", "as_released"):
        assert STUDIES["ilsvrc2010"].variant(name) == STUDIES["ilsvrc2012"].variant(name)


# What each ablation changes of `paper`, and the parameters it then has. Without conv3 (885,120) conv4 reads all of
# conv2's 256 maps instead of 192: 384 * 9 * 64 = 221,184 more. Without conv4 (663,936) conv5 reads conv3's 384 maps as
# it read conv4's. Without conv5 (442,624) fc6 reads 384 maps of 6 x 6 instead of 256.
SWITCHES = {
    "paper_bf16": ({"precision"}, 60_965_224),
    "as_released": ({"network"}, 60_965_224),
    "nonoverlapping_pooling": ({"network"}, 60_965_224),
    "no_normalization": ({"network"}, 60_965_224),
    "no_cross_column": ({"network"}, 60_714_408),
    "six_conv": ({"network"}, 61_555_304),
    "tanh": ({"changes"}, 60_965_224),
    "no_dropout": ({"remove"}, 60_965_224),
    "no_conv3": ({"remove", "changes"}, 60_965_224 - 885_120 + 221_184),
    "no_conv4": ({"remove"}, 60_965_224 - 663_936),
    "no_conv5": ({"remove"}, 60_965_224 - 442_624 + 128 * 36 * 4096),
    "no_color_noise": ({"color_noise"}, 60_965_224),
    "no_crops_and_flips": ({"augmentation"}, 60_965_224),
    "no_weight_decay": ({"changes"}, 60_965_224),
    "biases_zero": ({"changes"}, 60_965_224),
    "early": ({"phases", "diagnostics"}, 60_965_224),
    "early_biases_zero": ({"phases", "diagnostics", "changes"}, 60_965_224),
}


@pytest.mark.parametrize("name", SWITCHES)
def test_an_ablation_changes_what_its_name_says(name):
    variant, (fields, parameters) = STUDIES["ilsvrc2012"].variant(name), SWITCHES[name]
    ours, theirs = variant.model_dump(), PAPER.model_dump()
    assert {field for field in ours if ours[field] != theirs[field]} == fields
    assert total_parameters(variant.network_spec()) == parameters


def test_every_variant_is_accounted_for():
    assert set(STUDIES["ilsvrc2012"].variants) == {"paper", "torchvision", *SWITCHES}
    for study in STUDIES.values():
        assert set(study.profiles["full"]) == set(study.variants)
        assert set(study.runs("standard")) <= set(study.runs("full"))


@pytest.mark.parametrize(
    ("name", "field", "value"), [("no_weight_decay", "weight_decay", 0.0), ("biases_zero", "bias", 0.0)]
)
def test_a_switch_reaches_every_layer(name, field, value):
    layers = STUDIES["ilsvrc2012"].variant(name).network_spec().weighted_layers()
    assert {getattr(layer, field) for layer in layers} == {value}
    assert {getattr(layer, field) for layer in PAPER.network_spec().weighted_layers()} != {value}


def test_tanh_replaces_every_hidden_relu():
    layers = STUDIES["ilsvrc2012"].variant("tanh").network_spec().weighted_layers()
    assert [layer.activation for layer in layers] == ["tanh"] * 7 + ["identity"]


def test_without_conv3_the_columns_still_meet_before_the_dense_layers():
    layers = {layer.name: layer for layer in STUDIES["ilsvrc2012"].variant("no_conv3").network_spec().layers}
    assert (layers["conv4"].columns, layers["conv5"].columns) == (1, 2)


def test_the_plateau_rule_is_the_papers():
    variant = STUDIES["ilsvrc2010"].variant("plateau")
    assert [phase.weight_rate_factor for phase in variant.phases] == [1.0, 0.1, 0.01, 0.001]
    assert {phase.until for phase in variant.phases} == {"validation_error_plateau"}
    assert not any(phase.layer_rates for phase in variant.phases) and all(phase.color_noise for phase in variant.phases)
    assert "plateau" not in STUDIES["ilsvrc2012"].variants


def test_five_nets_make_an_ensemble():
    study = STUDIES["ilsvrc2012"]
    assert {len(members) for members in study.ensemble_runs().values()} == {5}
    trained = set(study.runs("full"))
    assert all(trained.issuperset(members) for members in study.ensemble_runs().values())
    (first, *_) = study.ensemble_runs().values()
    assert set(first) <= set(study.runs("standard"))
