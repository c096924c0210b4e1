import re
import shutil

import pandas as pd
import pytest

from reproduce.base.errors import ReproduceError
from reproduce.report.literature import drops as differences
from reproduce.report.literature import milestones, timeline


@pytest.fixture(scope="module")
def contest():
    return timeline.load_contest()


@pytest.fixture(scope="module")
def models():
    return milestones.load_later_models()


def edited(tmp_path, old, new):
    path = tmp_path / "timeline.csv"
    text = timeline.TIMELINE_CSV.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return path


def test_series_is_the_official_winners_and_runners_up(contest):
    series = timeline.contest_series(contest)
    supplied = series[~series["outside_data"]].set_index(["year", "place"])["top5_error_percent"]
    # the official results pages, to their printed decimals
    assert supplied.xs("winner", level="place").tolist() == [28.191, 25.77, 16.422, 11.743, 6.656, 3.567, 2.991, 2.251]
    assert supplied.xs("runner-up", level="place").tolist() == [
        33.65,
        31.01,
        26.172,
        12.953,
        7.325,
        3.581,
        3.031,
        2.481,
    ]
    outside = series[series["outside_data"]]
    assert dict(zip(outside["year"], outside["top5_error_percent"], strict=True)) == {2012: 15.315, 2013: 11.197}


def test_test_sets_are_told_apart(contest):
    sets = timeline.contest_series(contest).groupby("test_set")["year"].unique().map(list).to_dict()
    assert sets == {"ILSVRC-2010": [2010], "ILSVRC-2011": [2011], "ILSVRC-2012": list(range(2012, 2018))}


def test_drops_by_hand_and_only_same_images_get_an_interval(contest):
    drops = differences.drops(contest)
    # 26.172 - 16.422; 26.172 - 15.315; 26.172 - 18.2; 25.7 - 17.0; 45.7 - 37.5; 25.77 - 16.422
    assert drops["drop_points"].tolist() == [9.75, 10.857, 7.972, 8.7, 8.2, 9.348]
    assert drops["drop_percent"].round().tolist() == [37, 41, 30, 34, 18, 36]
    assert drops["same_images"].tolist() == [True, True, False, True, True, False]
    assert drops["low"].isna().tolist() == [False, False, True, False, False, True]
    # 1.96 sqrt(0.26172 * 0.73828 / 1e5 + 0.16422 * 0.83578 / 1e5) = 0.3563 points
    assert (drops["low"][0], drops["high"][0]) == pytest.approx((9.75 - 0.3563, 9.75 + 0.3563), abs=1e-3)
    shown = differences.drops_table(drops)["points lower (95 % interval)"]
    assert [shown[0], shown[5]] == ["9.75 (9.39 to 10.11)", "9.35"]


def test_the_sentence_to_quote_has_its_interval_and_its_source(contest):
    quoted = differences.quotation(contest)
    for part in (
        "100,000 test images",
        "from 26.2 % (ISI: University of Tokyo; second place)",
        "to 16.4 % (SuperVision: Krizhevsky, Sutskever, Hinton; 5 nets",
        "9.8 points lower",
        "9.4 to 10.1",
    ):
        assert part in quoted
    assert "> Source: image-net.org" in quoted


def test_later_fisher_vectors_narrow_the_gap(contest):
    # 23.6 - 17.0 beside 25.7 - 17.0
    assert "the gap is 6.6 points, not 8.7" in differences.later_fisher_words(contest)


def test_2012_is_the_largest_in_points_on_one_test_set_but_not_in_relative_terms(contest):
    yearly = differences.yearly_drops(timeline.contest_series(contest)).set_index("years")
    same = yearly[yearly["same_images"]]
    assert list(same.index) == ["2012 to 2013", "2013 to 2014", "2014 to 2015", "2015 to 2016", "2016 to 2017"]
    # (11.743 - 6.656) / 11.743 and (6.656 - 3.567) / 6.656
    assert yearly.loc["2013 to 2014", "drop_percent"] == pytest.approx(43.32, abs=0.01)
    assert yearly.loc["2014 to 2015", "drop_percent"] == pytest.approx(46.41, abs=0.01)
    first = differences.drops(contest).iloc[0]
    assert first["drop_points"] > 1.9 * same["drop_points"].max()
    assert first["drop_percent"] < same["drop_percent"].max()


def test_whether_2012_was_the_largest_drop_follows_the_table(contest):
    series = timeline.contest_series(contest)
    assert differences.largest_drop_words(series) == (
        "In points, yes: from 2011 to 2012 the winner's error became 9.35 points lower. "
        "The most in another year is 5.09 points, from 2013 to 2014. "
        "As a share of the errors left, no: 36 % went from 2011 to 2012, but 43 % from 2013 to 2014 and 46 % from 2014 "
        "to 2015."
    )
    winner = series["year"].eq(2012) & series["place"].eq("winner") & ~series["outside_data"]
    errors = series["top5_error_percent"]
    smaller = differences.largest_drop_words(series.assign(top5_error_percent=errors.mask(winner, 22.0)))
    assert smaller.startswith("In points, no: from 2011 to 2012 the winner's error became 3.77 points lower.")
    assert "10.26 points, from 2012 to 2013." in smaller
    larger = differences.largest_drop_words(series.assign(top5_error_percent=errors.mask(winner, 12.0)))
    assert larger.endswith("As a share of the errors left, yes: 53 % went from 2011 to 2012.")


def test_single_network_and_human_rows(contest):
    alexnet, human = timeline.single_alexnet(contest), timeline.human_error(contest)
    assert (alexnet["top1_error_percent"], alexnet["top5_error_percent"], alexnet["split"]) == (40.7, 18.2, "val")
    assert (human["top5_error_percent"], human["images"]) == (5.1, 1500)


def test_best_per_team_keeps_one_row_each_without_outside_data(contest):
    best = timeline.best_per_team(contest)
    assert not best.duplicated(["test_set", "team"]).any()
    on_2012 = best[best["test_set"].eq("ILSVRC-2012")]
    assert on_2012[["team", "top5_error_percent"]].iloc[:2].to_numpy().tolist() == [
        ["SuperVision", 16.422],
        ["ISI", 26.172],
    ]


def test_a_year_without_its_winner_and_a_missing_file_are_errors(tmp_path):
    damaged = timeline.load_contest(edited(tmp_path, ',winner,winner,"XRCE', ',winner,,"XRCE'))
    with pytest.raises(ReproduceError, match="2011 has the supplied-data entries"):
        timeline.contest_series(damaged)
    with pytest.raises(ReproduceError, match="is missing"):
        timeline.load_contest(tmp_path / "none.csv")


def test_single_models_leave_ensembles_and_other_test_sets_out(models):
    single = milestones.published_single_models(models)
    assert not single["model"].isin(["AlexNet, 5 CNNs", "AlexNet, 7 CNNs", "ZFNet, 6 convnets", "VGG, 2 nets"]).any()
    assert not single["model"].str.contains("ILSVRC-2010|OverFeat").any()
    assert {"AlexNet, 1 CNN", "VGG, 1 net (D/E)", "Model soups on ViT-G"} <= set(single["model"])


def test_records_fall_within_each_data_rule(models):
    single = milestones.published_single_models(models)
    for _, records in single[single["record"]].groupby("outside_data"):
        assert records["year"].is_monotonic_increasing
        assert records["top1_error_percent"].is_monotonic_decreasing
        assert not records["year"].duplicated().any()
    supplied = single[single["record"] & ~single["outside_data"]].set_index("year")["top1_error_percent"]
    # papers: AlexNet 59.3, ZFNet 61.6, VGG 75.6, ResNet-152 80.62 (multi-scale), PolyNet 81.3, SENet-154 82.72, ...
    assert supplied.loc[[2012, 2013, 2014, 2015, 2016, 2017]].tolist() == [40.7, 38.4, 24.4, 19.38, 18.7, 17.28]
    # and after NASNet: GPipe's AmoebaNet-B 84.4, AdvProp 85.5, VOLO-D5 87.1
    assert supplied.loc[[2018, 2019, 2021]].tolist() == [15.6, 14.5, 12.9]


def test_milestones_have_their_protocols(models):
    table = milestones.milestones(models).set_index("label")
    assert table.loc["NASNet-A", ["year", "top1_error_percent", "input_px"]].tolist() == [2017, 17.3, "331"]
    assert table.loc["AlexNet", "crop_protocol"] == "10 views"
    assert table.loc["CoCa", "top1_error_percent"] == 9.0
    assert table.loc["CoCa", "outside_data_note"] != "no"
    assert list(table.index[:2]) == ["AlexNet", "ZFNet"]


def test_a_missing_milestone_is_named(models):
    with pytest.raises(ReproduceError, match="no published figure for NASNet-A"):
        milestones.milestones(models[~models["model"].str.startswith("NASNet-A (6")])


def test_best_weights_without_outside_images_exclude_those_with_an_outside_teacher(models):
    without, outside = milestones.best_weights(models).itertuples()
    assert without.model.startswith("volo_d5")
    assert without.top1_error_percent == pytest.approx(12.932)
    assert outside.model.startswith("eva02_large")
    assert outside.top1_error_percent == pytest.approx(9.944)


def test_smaller_than_nasnet_is_better_and_smaller(models):
    nasnet, other = milestones.smaller_than_nasnet(models).itertuples()
    assert nasnet.params_millions == pytest.approx(88.75)
    assert nasnet.top1_error_percent == pytest.approx(17.362)
    assert other.top1_error_percent < nasnet.top1_error_percent
    # library weights count too: smaller than EfficientNet-B4's 19.34 million
    assert (other.model, other.params_millions, other.top1_error_percent) == (
        "MobileNetV4 hybrid medium",
        11.07,
        16.606,
    )


def test_protocol_alone_is_worth_more_than_nasnets_lead(models):
    spread = milestones.protocol_spread(models)
    resnet50 = spread[spread["network"].eq("ResNet-50") & spread["kind"].eq("library weights")]["top1_error_percent"]
    assert resnet50.max() - resnet50.min() > 19.38 - 17.3
    words = milestones.recipe_words(models)
    assert "A later recipe makes ResNet-50's error 4.7 points lower (23.9 to 19.1 %" in words
    assert words.endswith(
        "2.1 points lower than the best printed for ResNet-152 of 2015 "
        "(19.4 %, multi-scale fully-convolutional, to 17.3 %)."
    )


def test_cifar10_before_is_sorted_and_checked(tmp_path):
    before = milestones.load_cifar10_before()
    assert before["test_error_percent"].is_monotonic_decreasing
    assert before.set_index("method").loc["convolutional network on a GPU", "test_error_percent"] == 19.51
    path = tmp_path / "c.csv"
    shutil.copy(milestones.CIFAR10_BEFORE_CSV, path)
    path.write_text(re.sub("79.6", "796", path.read_text()))
    with pytest.raises(ReproduceError, match=r"796.* is not a percentage"):
        milestones.load_cifar10_before(path)


def test_nothing_is_lost_on_reading(contest, models):
    assert len(contest) == len(pd.read_csv(timeline.TIMELINE_CSV))
    assert len(models) == len(pd.read_csv(milestones.LATER_MODELS_CSV))
    assert models["outside_data"].notna().all()
