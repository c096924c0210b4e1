import pytest

from reproduce.report.literature import fall_reasons, milestones, model_sizes
from reproduce.study.claims import load_claims


@pytest.fixture(scope="module")
def models():
    return milestones.load_later_models()


def test_sized_models_saw_the_supplied_images_only_and_the_frontier_falls(models):
    sized = model_sizes.sized_models(models)
    assert not sized["model"].str.startswith("beitv2").any()  # its tokenizer was distilled from CLIP
    assert not sized["outside_data"].any()
    frontier = sized[sized["frontier"]]
    assert frontier["params_millions"].is_monotonic_increasing
    assert frontier["top1_error_percent"].is_monotonic_decreasing


def test_the_smallest_equal_of_alexnet_is_shufflenet(models):
    alexnet, equal = model_sizes.alexnet_and_its_equal(model_sizes.sized_models(models))
    assert (alexnet["params_millions"], alexnet["gmacs"], alexnet["top1_error_percent"]) == (60.97, 0.724, 40.7)
    assert (equal["name"], equal["params_millions"], equal["gmacs"]) == ("ShuffleNet V2 x0.5", 1.37, 0.04)


def test_other_labels_and_other_images_are_read_as_errors(models):
    tested = model_sizes.relabeled(models)
    nasnet = tested[tested["name"].eq("NASNet-A")].iloc[0]
    # timm's tables: 82.64 on the contest's labels, 87.37 on ReaL, 72.33 on ImageNet-V2
    assert nasnet["real_top1_error_percent"] == pytest.approx(100 - 87.37, abs=0.01)
    assert nasnet["imagenetv2_top1_error_percent"] == pytest.approx(100 - 72.33)
    words = model_sizes.relabeled_words(tested)
    assert f"All {len(tested)} re-tested weights make more errors on new images" in words
    assert (
        "Between NASNet-A and EVA-02-L lie 7.4 points by the contest's labels and 3.8 by the reassessed ones" in words
    )


def test_names_are_those_people_know():
    assert milestones.known_as("resnet50 (IMAGENET1K_V2)") == "ResNet-50"
    assert milestones.known_as("volo_d5_512.sail_in1k") == "VOLO-D5"
    assert milestones.known_as("somebodys_net.in1k") == "somebodys_net.in1k"


def test_reasons_are_the_papers_figures():
    steps = fall_reasons.reasons(load_claims()).set_index("step")
    assert steps.loc["response normalization", ["top1_points", "top5_points"]].tolist() == [1.4, 1.2]
    # Table 2: 40.7 / 18.2 for one net, 38.1 / 16.4 for five
    assert steps.loc["five nets for one", ["top1_points", "top5_points"]].tolist() == [2.6, 1.8]
    assert steps.loc["color noise", "is_bound"]
    assert steps["top5_points"].isna().sum() == 2
