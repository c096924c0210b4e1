"""Studies, schedules and run names; and what the published study says about each net of 2012."""

import pytest
import study_support

from reproduce.base.errors import ReproduceError
from reproduce.base.validation import validated
from reproduce.study.run_id import RunId
from reproduce.study.study import Study, load_study
from reproduce.study.variant import Phase, Variant

PHASE = {"epochs": 8, "training_files": [1, 2, 3, 4, 5], "weight_rate_factor": 1.0}
VARIANT = study_support.VARIANT | {"phases": [PHASE]}
STUDY = {
    "study": "nets",
    "dataset": "cifar10",
    "scale": "own",
    "variants": {"a": VARIANT, "b": VARIANT},
    "profiles": {"standard": {"b": {"epochs": 9, "seeds": [2, 1]}, "a": {"epochs": 8, "seeds": [3]}}},
}


def variant(**changes):
    return validated(Variant, VARIANT | changes, "study.yaml")


def phases(*epochs):
    return [PHASE | {"epochs": n} for n in epochs]


@pytest.mark.parametrize(
    ("full", "epochs", "expected"),
    [
        # shares 25, 10, 2.5, 2.5: the first of the equal remainders gets the epoch left over
        ((100, 40, 10, 10), 40, [25, 10, 3, 2]),
        ((100, 40, 10, 10), 160, [100, 40, 10, 10]),
        # shares 2.5, 1, 0.25, 0.25 become 2, 1, 1, 1: one too many, so the longest gives way
        ((100, 40, 10, 10), 4, [1, 1, 1, 1]),
        # shares 17.14, 1.43, 1.43
        ((120, 10, 10), 20, [17, 2, 1]),
        ((8, 3), 11, [8, 3]),
        # shares 1.45, 0.55: whole parts 1 and 0, raised to 1
        ((8, 3), 2, [1, 1]),
        ((8, 3), 22, [16, 6]),
    ],
)
def test_phases_scale_to_the_length_asked_for(full, epochs, expected):
    scaled = variant(phases=phases(*full)).scaled_phases(epochs)
    assert [phase.epochs for phase in scaled] == expected
    assert sum(expected) == epochs


def test_scaling_keeps_everything_else_of_a_phase():
    drop = {"epochs": 3, "training_files": [5, 1], "weight_rate_factor": 0.1, "bias_rate_factor": 0.5}
    first, second = variant(phases=[PHASE, drop | {"epochs": 6}]).scaled_phases(7)
    assert (first.weight_rate_factor, first.bias_rate_factor) == (1.0, 1.0)
    assert second == Phase(**drop | {"epochs": 3})


def test_fewer_epochs_than_phases_is_an_error():
    with pytest.raises(ReproduceError, match="^1 epochs cannot hold 2 phases; ask for 2 or more$"):
        variant(phases=phases(8, 3)).scaled_phases(1)


def test_a_length_is_named_by_the_sources_schedule():
    lengths = {epochs: variant(phases=phases(8, 3)).schedule(epochs) for epochs in (10, 11, 12)}
    assert lengths == {10: "shortened", 11: "full", 12: "lengthened"}


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"momentum": 1.0}, "momentum"),
        ({"momentum": -0.1}, "momentum"),
        ({"batch_size": 0}, "batch_size"),
        ({"precision": "fp16"}, "precision"),
        ({"test_views": 8}, "test_views"),
        ({"phases": []}, "phases"),
        ({"phases": [PHASE | {"weight_rate_factor": -0.1}]}, "phases.0.weight_rate_factor"),
        ({"phases": [PHASE | {"training_files": [6]}]}, "phases.0.training_files.0"),
        ({"phases": [PHASE | {"training_files": []}]}, "phases.0.training_files"),
        ({"phases": [PHASE | {"epochs": 0}]}, "phases.0.epochs"),
        ({"learning_rate": 0.1}, "learning_rate"),
    ],
)
def test_a_wrong_setting_is_named(changes, place):
    with pytest.raises(ReproduceError, match=rf"^study\.yaml: {place}: .*, got "):
        variant(**changes)


def test_the_stopping_rule_needs_files_in_order():
    rule = PHASE | {"until": "file_5_reaches_first_phase_loss"}
    variant(phases=[PHASE, rule])
    with pytest.raises(ReproduceError, match="reshuffled"):
        variant(phases=[PHASE, rule], order="reshuffled")


def test_changes_reach_the_network_and_the_digest():
    changed = variant(changes={"fc10.weight_decay": 0.5})
    assert changed.network_spec().weighted_layers()[-1].weight_decay == 0.5
    assert changed.digest() != variant().digest() == variant().digest()


@pytest.mark.parametrize("field", ["precision", "momentum", "order", "augmentation", "test_views", "batch_size"])
def test_every_setting_is_in_the_digest(field):
    other = {
        "precision": "bf16",
        "momentum": 0.8,
        "order": "reshuffled",
        "augmentation": "crops_and_flips",
        "test_views": 10,
        "batch_size": 64,
    }
    assert variant(**{field: other[field]}).digest() != variant().digest()


def test_a_profile_lists_runs_in_the_files_order():
    runs = validated(Study, STUDY, "x").runs("standard")
    assert [str(run) for run in runs] == ["nets/b/epochs9/seed2", "nets/b/epochs9/seed1", "nets/a/epochs8/seed3"]


def test_a_profile_lists_a_variant_at_several_lengths_each_a_stage():
    lengths = [{"epochs": 8, "seeds": [1, 2]}, {"epochs": 4, "seeds": [1]}]
    study = validated(Study, STUDY | {"profiles": {"standard": {"a": lengths, "b": {"epochs": 9, "seeds": [1]}}}}, "x")
    named = [
        (f"{run.variant}/{run.epochs}/{run.seed}", study.stage_name(run.variant, run.epochs)) for run in study.stages()
    ]
    assert named == [("a/8/1", "a"), ("a/8/2", "a"), ("a/4/1", "a-epochs4"), ("b/9/1", "b")]
    assert study.stage_name("c", 5) == "c", "the stage that a list of it would make"


@pytest.mark.parametrize(
    ("profiles", "message"),
    [
        ({"standard": {"c": {"epochs": 8, "seeds": [1]}}}, "unknown variant 'c'"),
        ({"standard": {"a": {"epochs": 8, "seeds": [1, 1]}}}, "lists seed 1 of a at 8 epochs twice; keep one"),
        (
            {"full": {"a": [{"epochs": 8, "seeds": [1, 2]}, {"epochs": 8, "seeds": [2]}]}},
            "lists a at 8 epochs twice; put its seeds into one list",
        ),
        ({"full": {"a": []}}, "profiles.full.a: List should have at least 1 item"),
        ({"full": {"a": [{"epochs": 8, "seeds": [1]}, {"epochs": 4}]}}, "profiles.full.a.1.seeds: Field required"),
        ({"standard": {"a": {"epochs": 8, "seeds": [0]}}}, "standard.a.seeds.0"),
        ({"nightly": {}}, "profiles.nightly"),
    ],
)
def test_wrong_profiles_are_named(profiles, message):
    with pytest.raises(ReproduceError, match=message):
        validated(Study, STUDY | {"profiles": profiles}, "x")


def test_comparisons_and_factorials_name_known_arms():
    comparison = {"id": "a-b", "question": "?", "arms": ["a", "c"], "estimand": "x"}
    with pytest.raises(ReproduceError, match=r"comparisons name unknown variants \['c'\]"):
        validated(Study, STUDY | {"comparisons": [comparison]}, "x")
    cells = [["a", "b"], ["c", "d"]]
    factorial = {"id": "f", "question": "?", "estimand": "x", "factors": ["one", "two"], "cells": cells}
    with pytest.raises(ReproduceError, match=r"factorials name unknown variants \['c', 'd'\]"):
        validated(Study, STUDY | {"factorials": [factorial]}, "x")


def test_the_lengths_of_a_design_are_listed():
    lists = {name: {"epochs": 4 if name in "ac" else 8, "seeds": [1]} for name in "abcd"}
    study = STUDY | {"variants": dict.fromkeys("abcd", VARIANT), "profiles": {"full": lists}}
    design = {"id": "f", "question": "?", "estimand": "x", "factors": ["one", "length"]}
    design |= {"cells": [["a", "b"], ["c", "d"]], "epochs": [4, 8]}
    assert validated(Study, study | {"factorials": [design]}, "x").factorials[0].epochs == [4, 8]
    with pytest.raises(
        ReproduceError,
        match=r"factorial f: no profile lists these variants at these epochs: \[\('a', 3\), \('c', 3\)\]",
    ):
        validated(Study, study | {"factorials": [design | {"epochs": [3, 8]}]}, "x")
    elsewhere = design | {"cells": [["other/a", "b"], ["c", "d"]]}
    assert validated(Study, study | {"factorials": [elsewhere]}, "x").factorials[0].cells[0][0] == "other/a"


def test_what_a_study_compares_is_no_part_of_its_variants():
    study = load_study("lrn_confound")
    assert study.factorials and study.comparisons
    without = study.model_copy(update={"factorials": [], "comparisons": []})
    for run in study.runs("full"):
        assert without.config_digest(run) == study.config_digest(run)


def ensembles(**groups):
    return validated(Study, STUDY | {"ensembles": groups}, "x")


def test_an_ensemble_is_numbered_like_seeds_and_has_its_variants_length():
    study = ensembles(pair={"variant": "b", "seeds": [[2, 1], [3, 4]]})
    first, second = study.ensemble_runs().items()
    assert (str(first[0]), [str(run) for run in first[1]]) == (
        "nets/pair/epochs8/seed1",
        ["nets/b/epochs8/seed2", "nets/b/epochs8/seed1"],
    )
    assert str(second[0]) == "nets/pair/epochs8/seed2"
    assert study.publishable_runs() == [*study.runs("standard"), first[0], second[0]]
    assert study.config_digest(first[0]) != study.config_digest(second[0])


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"pair": {"variant": "b", "seeds": [[1, 2], [2, 3]]}}, "give each seed to one ensemble"),
        ({"pair": {"variant": "b", "seeds": [[1]]}}, "seeds.0"),
        ({"pair": {"variant": "c", "seeds": [[1, 2]]}}, "must average a variant"),
        ({"a": {"variant": "b", "seeds": [[1, 2]]}}, "a name that no variant has"),
    ],
)
def test_wrong_ensembles_are_named(groups, message):
    with pytest.raises(ReproduceError, match=message):
        ensembles(**groups)


def test_unknown_names_are_errors_that_list_the_known(tmp_path):
    study = validated(Study, STUDY, "x")
    with pytest.raises(ReproduceError, match="no variant 'z'; it has a, b"):
        study.variant("z")
    with pytest.raises(ReproduceError, match=r"no variant 'aa'; did you mean a\?$"):
        study.variant("aa")
    with pytest.raises(ReproduceError, match="no profile 'full'; it has standard"):
        study.runs("full")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "study.yaml").write_text("")
    with pytest.raises(ReproduceError, match="no study 'nets'; known: other"):
        load_study("nets", tmp_path)


def test_run_names():
    run = RunId("nets", "80sec", 11, 3)
    assert RunId.parse("results/runs/nets/80sec/epochs11/seed3/") == RunId.parse(str(run)) == run


# cuda-convnet: layer-params-80sec.cfg and -18pct.cfg headers, docs/Methodology.md, layer-params-conv-local-11pct.cfg.
# Epochs and weight rate factors of each phase; which nets see crops and several views (D22).
PUBLISHED = {
    "80sec": ([8, 3], [1, 0.1], "none", 1),
    "80sec_bf16": ([8, 3], [1, 0.1], "none", 1),
    "80sec_reshuffled": ([8, 3], [1, 0.1], "none", 1),
    "19pct": ([120, 10, 10], [1, 0.1, 0.01], "none", 1),
    "18pct": ([120, 10, 10], [1, 0.1, 0.01], "none", 1),
    "conv_local_13pct": ([100, 40, 10, 10], [1, 1, 0.1, 0.01], "crops_and_flips", 10),
    "conv_local_13pct_nine_views": ([100, 40, 10, 10], [1, 1, 0.1, 0.01], "crops_and_flips", 9),
    "conv_local_13pct_lrn": ([100, 40, 10, 10], [1, 1, 0.1, 0.01], "crops_and_flips", 10),
    "conv_local_11pct": ([350, 150, 10, 10], [1, 1, 0.1, 0.01], "crops_and_flips", 10),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_schedules_are_those_of_2012(name):
    variant = load_study("cifar10_nets").variant(name)
    epochs, factors, augmentation, views = PUBLISHED[name]
    assert [phase.epochs for phase in variant.phases] == epochs
    assert [phase.weight_rate_factor for phase in variant.phases] == factors
    assert {phase.bias_rate_factor for phase in variant.phases} == {1.0}  # only the weights' rate is lowered
    assert (variant.augmentation, variant.test_views) == (augmentation, views)
    assert (variant.batch_size, variant.momentum, variant.changes) == (128, 0.9, {})
    held_out_first = name.startswith("conv_local")
    assert variant.phases[0].training_files == ([1, 2, 3, 4] if held_out_first else [1, 2, 3, 4, 5])
    assert all(phase.training_files == [1, 2, 3, 4, 5] for phase in variant.phases[1:])


def test_the_published_arithmetic():
    study = load_study("cifar10_nets")
    precisions = {name: variant.precision for name, variant in study.variants.items()}
    assert precisions["80sec"] == "fp32" and precisions["80sec_bf16"] == "bf16"
    assert study.variant("80sec_bf16").model_copy(update={"precision": "fp32"}) == study.variant("80sec")
    assert study.variant("80sec_reshuffled").model_copy(update={"order": "files"}) == study.variant("80sec_bf16")


def test_stages_are_the_published_runs_of_studies_that_dvc_trains():
    study = load_study("relu_vs_tanh")
    assert study.stages() == study.runs("standard") != []
    assert load_study("ilsvrc2012").stages() == []
