import re

import numpy as np
import pandas as pd
import pytest
from report_support import clipped, make_records, overlaps, words

from reproduce.report import build, records
from reproduce.report.figures.contest_errors import contest_errors
from reproduce.report.figures.error_by_labels import error_by_labels
from reproduce.report.figures.error_by_size import error_by_size
from reproduce.report.figures.errors_since_alexnet import alexnet_to_nasnet, errors_since_alexnet
from reproduce.report.figures.learning_curves import learning_curves
from reproduce.report.figures.precision_seeds import seed_distribution
from reproduce.report.figures.verdict_forest import verdict_forest
from reproduce.report.figures.why_it_fell import why_it_fell
from reproduce.report.literature import drops, fall_reasons, milestones, model_sizes, timeline
from reproduce.study.claims import load_claims
from reproduce.study.study import load_study


@pytest.fixture(scope="module")
def contest_figure():
    contest = timeline.load_contest()
    return contest_errors(
        timeline.contest_series(contest),
        timeline.single_alexnet(contest),
        timeline.human_error(contest),
        drops.drops(contest),
    )


@pytest.fixture(scope="module")
def later_figure():
    models = milestones.load_later_models()
    return errors_since_alexnet(milestones.published_single_models(models), milestones.best_weights(models))


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    return make_records(tmp_path_factory.mktemp("results"))


def lines(figure, label):
    return [line for axes in figure.axes for line in axes.lines if line.get_label() == label]


def test_only_the_quoted_line_crosses_from_one_test_set_to_another(contest_figure):
    (quoted,) = lines(contest_figure, "the quoted drop: two test sets")
    assert list(quoted.get_xdata()) == [2011, 2012]
    assert list(quoted.get_ydata()) == [25.77, 16.422]
    assert quoted.get_linestyle() == "--"
    for line in contest_figure.axes[0].lines:
        first, last = min(line.get_xdata()), max(line.get_xdata())
        if line is not quoted:
            assert first == last or first >= 2011.9  # the human line begins where that test set's band does


def test_contest_values_and_both_drops_are_on_the_page(contest_figure):
    (winners,) = lines(contest_figure, "winner, supplied data only")
    assert list(winners.get_ydata()) == [16.422, 11.743, 6.656, 3.567, 2.991, 2.251]
    assert list(winners.get_xdata()) == [2012, 2013, 2014, 2015, 2016, 2017]
    (outside,) = lines(contest_figure, "winner, with outside data")
    assert list(outside.get_ydata()) == [15.315, 11.197]
    assert outside.get_markerfacecolor() == "white"
    for part in ("9.8 points", "(37 %)", "8.7\npoints", "one AlexNet 18.2", "1,500 test images: 5.1", "ReCeption\n3.6"):
        assert part in words(contest_figure)
    said = contest_figure.get_suptitle().replace("\n", " ")
    assert said.startswith("On the same 2012 images the top-5 error fell from 26.2 to 16.4 %.")


@pytest.fixture(scope="module")
def further_figures():
    models, contest = milestones.load_later_models(), timeline.load_contest()
    steps = fall_reasons.reasons(load_claims())
    return {
        "nasnet": alexnet_to_nasnet(milestones.milestones(models)),
        "sizes": error_by_size(model_sizes.sized_models(models)),
        "labels": error_by_labels(model_sizes.relabeled(models)),
        "why": why_it_fell(steps, drops.comparison(drops.drops(contest), "supplied")),
    }


def test_labels_of_the_literature_figures_neither_overlap_nor_leave_the_page(
    contest_figure, later_figure, further_figures
):
    for figure in (contest_figure, later_figure, *further_figures.values()):
        assert overlaps(figure) == []
        assert clipped(figure) == []


def test_headlines_of_the_literature_give_the_answer_with_its_figures(later_figure, further_figures):
    said = {name: figure.get_suptitle().replace("\n", " ") for name, figure in further_figures.items()}
    assert "top-1 error fell from 40.7 to 17.3 %, its top-5 error from 18.2 to 3.8 %" in said["nasnet"]
    # library weights: 60.552 % accuracy, 1.37 million parameters, 0.040 against 0.724 GMACs
    assert "ShuffleNet V2 x0.5 by one view does no worse than AlexNet by ten (39.4 against 40.7 %" in said["sizes"]
    assert "1.4 million parameters instead of 61, and 18 times fewer operations" in said["sizes"]
    assert "five nets for one, took 1.8 of 9.8 points" in said["why"]  # 18.2 - 16.4 in the paper's Table 2
    assert "(EVA-02-L) make 9.9 % errors" in said["labels"]
    assert "12.9 % on the contest's images alone (VOLO-D5, 2021) and to 9.0 %" in " ".join(
        later_figure.get_suptitle().split()
    )


def test_later_models_are_all_drawn_and_named(later_figure):
    models = milestones.load_later_models()
    single = milestones.published_single_models(models)
    marks = [line for line in later_figure.axes[0].lines if line.get_linestyle() == "None"]
    drawn = sum(len(line.get_xdata()) for line in marks)
    assert drawn == len(single) + 2  # and the two best public weights
    for name in [*milestones.MILESTONES.values(), "VOLO-D5 12.9", "EVA-02-L 9.9"]:
        assert name in words(later_figure)


def test_learning_curves_draw_each_seed_their_mean_and_the_published_value(loaded):
    histories, published = records.study_histories(loaded, "nets"), records.published_errors(loaded, "nets")
    figure = learning_curves(histories, published, records.averaged_view_errors(loaded, "nets"))
    first, second = (axes for axes in figure.axes if axes.get_visible())
    assert [first.get_title(loc="left"), second.get_title(loc="left")] == ["80sec", "80sec_bf16"]
    (test,) = [line for line in first.lines if line.get_label() == "test"]
    assert np.allclose(test.get_ydata(), [27.0, 26.0])  # seeds 26.8, 27.0, 27.2, then one point less
    (training,) = [line for line in first.lines if line.get_label() == "training (running)"]
    assert list(training.get_ydata()) == [40, 30]
    assert len([line for line in first.lines if line.get_linewidth() == 0.5]) == 2 * 3
    assert [line.get_xdata()[0] for line in first.lines if line.get_linestyle() == ":"] == [1.5]  # the rate falls
    assert "dashed: published 26 %" in words(figure)
    assert "11 epochs, 3 seeds" in words(figure)
    assert [
        list(line.get_ydata())
        for line in second.lines
        if line.get_linestyle() == "--" and len(set(line.get_ydata())) == 1 and line.get_linewidth() == 1
    ] == []
    assert clipped(figure) == []


def test_curves_of_many_variants_keep_their_titles_apart_and_the_headline_short(loaded):
    one = records.study_histories(loaded, "nets").query("variant == '80sec'")
    names = [f"conv_local_11pct_no_normalization_{number}" for number in range(9)]
    histories = pd.concat([one.assign(variant=name, epochs=one["epoch"].max()) for name in names])
    published = pd.DataFrame({"variant": names[:2], "value": 11.0, "label": "published 11 %"})
    figure = learning_curves(histories, published, records.averaged_view_errors(loaded, "nets").iloc[:0])
    assert figure.axes[0].get_title(loc="left") == "conv_local_11pct_\nno_normalization_0"
    said = " ".join(figure.legends[0].get_title().get_text().split())
    assert said == (
        "Test error at the end (published), %: conv_local_11pct_no_normalization_0 26.0 (11), "
        "conv_local_11pct_no_normalization_1 26.0 (11)."
    )
    assert overlaps(figure) == [] and clipped(figure) == []
    unbroken = learning_curves(
        one.assign(variant="aname" * 6), published, records.averaged_view_errors(loaded, "nets").iloc[:0]
    )
    assert unbroken.axes[0].get_title(loc="left") == "aname" * 6


def test_forest_shows_seeds_interval_margin_and_what_was_not_run(loaded):
    figure = verdict_forest(*records.forest_rows(loaded, "nets"))
    (axes,) = figure.axes
    dots = next(line for line in axes.lines if line.get_marker() == ".")
    assert sorted(dots.get_xdata()) == pytest.approx([-0.2, 0.0, 0.2])  # 25.8, 26.0, 26.2 against 26
    assert [patch.get_width() for patch in axes.patches] == [2.0, 2.0]
    # t(0.975, 2) * 0.2 / sqrt(3) = 4.303 * 0.11547
    interval = next(line for line in axes.lines if line.get_linewidth() == 2)
    assert list(interval.get_xdata()) == pytest.approx([-0.4969, 0.4969], abs=1e-3)
    assert "3 seeds: reproduced" in words(figure)
    assert "not run" in words(figure)
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["80sec\npublished 26.0 %", "18pct\npublished 18.0 %"]
    assert overlaps(figure) == []
    assert clipped(figure) == []


def test_forest_of_a_single_seed_without_interval_still_draws():
    row = {
        "claim_id": "a",
        "label": "a",
        "target_kind": "authors_log",
        "target_value": 13.0,
        "margin": None,
        "estimate": 14.0,
        "low": None,
        "high": None,
        "few_seeds": None,
    }
    verdicts = pd.DataFrame([row | {"n_seeds": 1, "seeds_planned": 1, "verdict": "inconclusive"}])
    verdicts = verdicts.astype({"low": float, "high": float})
    figure = verdict_forest(verdicts, pd.DataFrame({"claim_id": ["a"], "value": [14.0]}))
    assert "1 seed: inconclusive" in words(figure)
    assert "nan" not in words(figure)
    assert figure.axes[0].get_yticklabels()[0].get_text() == "a\nauthors' log 13.0 %"
    early = verdict_forest(verdicts.assign(seeds_planned=8), pd.DataFrame({"claim_id": ["a"], "value": [14.0]}))
    assert "1 of 8 seeds: inconclusive" in words(early)
    two = verdicts.assign(n_seeds=2, few_seeds="two seeds: 13.50 and 14.50")
    figure = verdict_forest(two, pd.DataFrame({"claim_id": ["a", "a"], "value": [13.5, 14.5]}))
    assert "14.00 %\ntwo seeds: 13.50 and 14.50; inconclusive" in words(figure)


def test_precision_figure_sets_fp32_beside_bf16(loaded):
    runs, means, _ = records.precision_frames(loaded, "nets")
    figure = seed_distribution(runs, means, "0.10 points lower (0.05 to 0.15)", published=26.0)
    said = " ".join(figure.get_suptitle().split())
    assert said == "In bf16 the error is 0.10 points lower (0.05 to 0.15)."
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["fp32\n3 seeds", "bf16\n2 seeds"]
    assert "26.00 % (25.50 to 26.50)" in words(figure)
    assert "published 26 %" in words(figure)
    assert clipped(figure) == []


def test_before_any_run_the_study_still_has_its_figures(tmp_path, monkeypatch):
    study = load_study("cifar10_nets").model_copy(update={"study": "nets"})
    monkeypatch.setattr(build, "load_study", lambda name: study)
    paths = build.study_stage("nets", tmp_path / "figures", make_records(tmp_path, trained=False))
    stems = ["nets_learning_curves", "nets_verdicts", "nets_precision"]
    assert [path.name for path in paths] == [f"{stem}.{kind}" for stem in stems for kind in ("png", "svg")]
    texts = [path.read_text() for path in paths if path.suffix == ".svg"]
    assert [len(re.findall(r">not run(?: yet)?</text>", text)) for text in texts] == [1, 2, 1]
