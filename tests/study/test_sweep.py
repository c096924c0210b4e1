"""Sweeps: each rate is the variant that a person would have written, and a wrong sweep is named."""

import pytest
import study_support

from reproduce.base.errors import ReproduceError
from reproduce.base.validation import validated
from reproduce.runs.tuning import recorded_runs
from reproduce.study.study import Study, load_study


def written(weights, biases):
    rates = {"*.learning_rate": weights, "*.bias_learning_rate": biases}
    return study_support.VARIANT | {"changes": {"*.weight_decay": 0.0} | rates}


def study(sweep, **profiles):
    content = {
        "study": "nets",
        "dataset": "cifar10",
        "scale": "own",
        "variants": {"net_r002": written(0.002, 0.004), "plain": study_support.VARIANT},
        "sweeps": {"net": sweep},
        "profiles": {"standard": {"net_r002": {"epochs": 9, "seeds": [1]}}} | profiles,
    }
    return validated(Study, content, "study.yaml")


def test_each_rate_is_the_variant_written_out():
    found = study({"base": "net_r002", "learning_rates": [0.0005, 0.001, 0.032, 0.25]}).variants
    assert list(found) == ["net_r002", "plain", "net_r0005", "net_r001", "net_r032", "net_r25"]
    for name, rates in {"net_r0005": (0.0005, 0.001), "net_r032": (0.032, 0.064)}.items():
        assert found[name].digest() == validated(type(found[name]), written(*rates), "study.yaml").digest()


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        ({"base": "net", "learning_rates": [0.001]}, "sweep net: base must be a variant that changes"),
        ({"base": "plain", "learning_rates": [0.001]}, "sweep net: base must be a variant that changes"),
        ({"base": "net_r002", "learning_rates": [0.001, 0.002]}, "sweep net makes a variant twice"),
        ({"base": "net_r002", "learning_rates": [0.001, 0.001]}, "sweep net makes a variant twice"),
        ({"base": "net_r002", "learning_rates": [1.5]}, "sweeps.net.learning_rates.0: Input should be less than 1"),
        ({"base": "net_r002", "learning_rates": [1e-7]}, "should be greater than or equal to"),
    ],
)
def test_a_wrong_sweep_is_named(sweep, message):
    with pytest.raises(ReproduceError, match=message):
        study(sweep)


def test_a_published_variant_is_written_since_dvc_reads_its_settings():
    listed = {"net_r001": {"epochs": 9, "seeds": [1]}}
    sweep = {"base": "net_r002", "learning_rates": [0.001]}
    with pytest.raises(ReproduceError, match=r"write \['net_r001'\] under variants"):
        study(sweep, standard=listed)
    assert "net_r001" in study(sweep, tuning=listed).variants


def test_the_search_for_rates_was_made_with_todays_configurations():
    """The file holds the digest of each run's configuration, written before the rates became sweeps."""
    searched = load_study("relu_vs_tanh")
    assert recorded_runs(searched) == set(searched.runs("tuning"))
