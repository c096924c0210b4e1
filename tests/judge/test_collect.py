"""From run folders to the tables: what each holds, and that the same runs give the same bytes."""

import numpy as np
import pandas as pd
import pytest
import yaml
from collect_support import FakeRunId, FakeStudy, claim, difference_claim, make_arms, write_run
from scipy import stats

from reproduce.base.errors import ReproduceError
from reproduce.base.paths import REPO_ROOT
from reproduce.judge.collect import collect, write_table
from reproduce.judge.comparisons import Compared, compare_all
from reproduce.judge.markdown import verdicts_markdown
from reproduce.judge.numbers import read_numbers
from reproduce.judge.row_tables import table_of
from reproduce.judge.summary import Summary, average_histories, summarize
from reproduce.judge.verdicts import judge
from reproduce.runs.table import read_histories, read_runs
from reproduce.study.designs import Comparison

BF16 = Comparison(
    id="bf16-error",
    question="What does bf16 do?",
    arms=["80sec_bf16", "80sec"],
    estimand="test_top1_error_percent",
    kind="difference",
)


@pytest.fixture
def study(tmp_path):
    """Two arms of three seeds, one of them missing, and a variant of which nothing exists."""
    errors = {"80sec": [26.0, 26.4, 25.8], "80sec_bf16": [26.1, 26.6]}
    run_ids = [FakeRunId(variant=variant, seed=seed) for variant in errors for seed in (1, 2, 3)]
    for variant, values in errors.items():
        for seed, error in enumerate(values, 1):
            write_run(tmp_path / "runs", FakeRunId(variant=variant, seed=seed), error=error)
    return FakeStudy("nets", [*run_ids, FakeRunId(variant="18pct", epochs=140)], [BF16])


@pytest.fixture
def complete(study):
    """The same study, planned without the seed that is missing."""
    study.run_ids.remove(FakeRunId(variant="80sec_bf16", seed=3))
    return study


def collect_into(study, tmp_path, name="out"):
    claims = [claim(), difference_claim(id="bf16-costs", arms=["80sec_bf16", "80sec"], study="nets")]
    collect([study], tmp_path / name, tmp_path / "runs", claims)
    return tmp_path / name


def test_collect_writes_every_table(study, tmp_path):
    out = collect_into(study, tmp_path)
    outs = yaml.safe_load((REPO_ROOT / "dvc.yaml").read_text())["stages"]["collect"]["outs"]
    written = {f"results/{path.relative_to(out)}" for path in out.rglob("*") if path.is_file()}
    assert written == {path for each in outs for path in each}
    runs = pd.read_csv(out / "tables" / "runs.csv")
    assert len(runs) == 7
    assert runs["status"].value_counts().to_dict() == {"finished": 5, "missing": 2}
    assert "nets.80sec.test_top1_error_percent.mean" in read_numbers(out / "numbers.json")


def test_the_same_runs_give_the_same_bytes(study, tmp_path):
    first, second = collect_into(study, tmp_path), collect_into(study, tmp_path, "again")
    files = [path.relative_to(first) for path in first.rglob("*") if path.is_file()]
    assert len(files) > 10
    for name in files:
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_summary_by_variant_and_metric(study, tmp_path):
    summary = table_of(summarize(read_runs(study.run_ids, tmp_path / "runs"), [claim()]), Summary)
    row = summary.set_index(["variant", "metric"]).loc[("80sec", "test_top1_error_percent")]
    half = 4.3027 * 0.30551 / 3**0.5
    assert (row["mean"], row["std"], row["high"] - row["mean"]) == pytest.approx((26.0667, 0.30551, half), abs=1e-3)
    assert (row["n_seeds"], row["listed"], row["missing"]) == (3, 3, 0)
    assert (row["published_value"], row["claim_id"]) == (26.0, "cifar10-80sec-error")
    center = summary.set_index(["variant", "metric"]).loc[("80sec", "test_center_top1_error_percent")]
    assert pd.isna(center["claim_id"])


def test_a_claim_on_one_length_is_not_set_beside_another(study, tmp_path):
    runs = read_runs(study.run_ids, tmp_path / "runs")
    for length, found in ((11, 26.0), (40, None)):
        rows = [row for row in summarize(runs, [claim(epochs=[length])]) if row.variant == "80sec"]
        assert next(row for row in rows if row.metric == "test_top1_error_percent").published_value == found


def test_seeds_that_are_planned_and_not_yet_listed_are_counted(study, tmp_path):
    plan = [FakeRunId(variant="80sec", seed=seed) for seed in range(1, 6)]
    table = table_of(summarize(read_runs(study.run_ids, tmp_path / "runs"), planned=plan), Summary)
    counts = table.drop_duplicates("variant").set_index("variant")[["planned", "listed", "finished"]]
    assert counts.loc["80sec"].tolist() == [5, 3, 3]
    assert counts.loc["80sec_bf16"].tolist() == [3, 3, 2]  # a listed run is planned


def test_a_variant_without_runs_stays_in_the_summary(study, tmp_path):
    summary = table_of(summarize(read_runs(study.run_ids, tmp_path / "runs")), Summary)
    (row,) = summary[summary["variant"] == "18pct"].to_dict("records")
    assert (row["listed"], row["finished"], row["missing"], row["n_seeds"]) == (1, 0, 1, 0)
    assert pd.isna(row["mean"])


def test_before_all_planned_seeds_a_comparison_has_a_value_but_no_interval_and_no_p(study, tmp_path):
    (row,) = table_of(compare_all([study], read_runs(study.run_ids, tmp_path / "runs")), Compared).to_dict("records")
    assert row["value"] == pytest.approx(26.35 - 26.066667, abs=1e-5)
    withheld = ("low", "high", "p_value", "p_value_holm", "paired_low", "paired_high", "correlation")
    assert all(pd.isna(row[name]) for name in withheld)


def test_comparison_gives_both_intervals(complete, tmp_path):
    (row,) = table_of(compare_all([complete], read_runs(complete.run_ids, tmp_path / "runs")), Compared).to_dict(
        "records"
    )
    assert row["value"] == pytest.approx(26.35 - 26.066667, abs=1e-5)
    assert row["low"] < 0 < row["high"]
    assert (row["n_first"], row["n_second"], row["shared_seeds"]) == (2, 3, 2)
    # paired over seeds 1 and 2: differences 0.1 and 0.2, half-width 12.7062 * 0.0707107 / sqrt(2) = 0.63531
    assert (row["paired_low"], row["paired_high"]) == pytest.approx((0.15 - 0.63531, 0.15 + 0.63531), abs=1e-4)
    assert row["p_value_holm"] == row["p_value"]  # a family of one
    assert (row["unit"], row["schedule"], row["epochs"]) == ("percentage_points", "full", "11")


def test_arms_that_list_no_length_in_common_are_compared_as_they_are(complete, tmp_path):
    """And comparisons without a p value are of Holm's family: the one that has one counts three times."""
    complete.run_ids[-1] = longer = FakeRunId(variant="18pct", epochs=140, seed=1)
    write_run(tmp_path / "runs", longer, error=18.0)
    complete.run_ids.append(FakeRunId(variant="later", epochs=11))
    pairs = {"length": ["18pct", "80sec"], "later": ["later", "80sec"]}
    complete.comparisons += [Comparison(**vars(BF16) | {"id": name, "arms": arms}) for name, arms in pairs.items()]
    runs = read_runs(complete.run_ids, tmp_path / "runs")
    runs.loc[runs["variant"].eq("80sec_bf16"), "test_top1_error_percent"] += 2  # so that three times p is below 1
    rows = table_of(compare_all([complete], runs), Compared).set_index("comparison")
    assert rows["epochs"].dropna().to_dict() == {"bf16-error": "11", "length": "140 and 11"}
    tested = rows.loc["bf16-error"]
    assert tested["p_value_holm"] == pytest.approx(3 * tested["p_value"]) and tested["p_value_holm"] < 1


def test_an_arm_may_be_of_another_study_and_its_length_fixed(study, tmp_path):
    """Two lengths of one variant: the comparison takes the one it fixes, not the longest."""
    long = [
        FakeRunId(study="others", variant="long", epochs=epochs, seed=seed) for epochs in (11, 20) for seed in (1, 2)
    ]
    for run_id, error in zip(long, (20.0, 20.4, 18.0, 18.2), strict=True):
        write_run(tmp_path / "runs", run_id, error=error)
    study.comparisons = [
        Comparison(**vars(BF16) | {"id": name, "arms": ["80sec_bf16", "others/long"], "epochs": epochs})
        for name, epochs in {"short": [11, 11], "long": [11, 20], "neither": [20, 20]}.items()
    ]
    collect([study, FakeStudy("others", long)], tmp_path / "out", tmp_path / "runs", [])
    rows = pd.read_csv(tmp_path / "out" / "tables" / "comparisons.csv").set_index("comparison")
    assert rows["value"].tolist()[:2] == pytest.approx([26.35 - 20.2, 26.35 - 18.1])
    assert rows["epochs"].tolist()[:2] == ["11", "11 and 20"]
    assert np.isnan(rows.loc["neither", "value"])
    numbers = read_numbers(tmp_path / "out" / "numbers.json")
    assert numbers["others.long.test_top1_error_percent.mean"]["value"] == pytest.approx(20.2)
    longer = numbers["others.long.epochs20.test_top1_error_percent.mean"]
    assert (longer["value"], longer["runs"]) == (pytest.approx(18.1), [str(run_id) for run_id in long[2:]])


def test_what_is_not_published_yet_by_hand_is_of_holms_family_too(complete, tmp_path):
    complete.comparisons = [BF16, Comparison(**vars(BF16) | {"id": "later", "arms": ["later", "80sec"]})]
    complete.published_by = "publish"
    complete.run_ids = [FakeRunId(variant=variant, seed=seed) for variant in BF16.arms for seed in (1, 2)]
    runs = read_runs(complete.run_ids, tmp_path / "runs")
    runs.loc[runs["variant"].eq("80sec_bf16"), "test_top1_error_percent"] += 2  # so that twice p is below 1
    (row,) = table_of(compare_all([complete], runs), Compared).to_dict("records")
    assert row["p_value_holm"] == pytest.approx(2 * row["p_value"]) and row["p_value_holm"] < 1


def test_a_comparison_may_be_of_what_is_made_of_two_metrics(complete, tmp_path):
    complete.comparisons = [Comparison(**vars(BF16) | {"estimand": "generalization_gap_percent"})]
    (row,) = table_of(compare_all([complete], read_runs(complete.run_ids, tmp_path / "runs")), Compared).to_dict(
        "records"
    )
    assert row["value"] == pytest.approx(26.35 - 26.066667, abs=1e-5)  # the training error is 20 throughout
    assert (row["paired_low"], row["paired_high"]) == pytest.approx((0.15 - 0.63531, 0.15 + 0.63531), abs=1e-4)


def test_a_ratio_is_of_geometric_means_with_welchs_interval_in_logs(complete, tmp_path):
    complete.comparisons = [Comparison(**vars(BF16) | {"kind": "ratio"})]
    runs = read_runs(complete.run_ids, tmp_path / "runs")
    (row,) = table_of(compare_all([complete], runs), Compared).to_dict("records")
    one, two = np.log([26.1, 26.6]), np.log([26.0, 26.4, 25.8])
    found = stats.ttest_ind(one, two, equal_var=False)
    assert row["value"] == pytest.approx(np.exp(one.mean() - two.mean()))
    assert (row["low"], row["high"]) == pytest.approx(tuple(np.exp(found.confidence_interval(0.95))))
    assert row["p_value"] == pytest.approx(found.pvalue)
    paired = stats.ttest_1samp(one - two[:2], 0).confidence_interval(0.95)
    assert (row["paired_low"], row["paired_high"]) == pytest.approx(tuple(np.exp(paired)))
    assert row["unit"] == "ratio"
    numbers = collect_into(complete, tmp_path) / "numbers.json"
    cited = read_numbers(numbers)["nets.bf16-error.ratio"]
    assert cited["value"] == pytest.approx(row["value"], abs=1e-4)
    assert cited["protocol"] == "1 test view"
    assert cited["quantity"] == "test top-1 error of 80sec_bf16 over that of 80sec"


def test_a_run_without_the_value_compared_leaves_the_comparison_without_one(study, tmp_path):
    """An average over the runs that came to a target error would leave out the slow ones."""
    runs = read_runs(study.run_ids, tmp_path / "runs")
    runs.loc[runs["run_id"].str.contains("80sec/") & runs["seed"].eq(2), "test_top1_error_percent"] = float("nan")
    (row,) = table_of(compare_all([study], runs), Compared).to_dict("records")
    assert (row["n_first"], row["n_second"]) == (2, 3)
    assert pd.isna(row["value"]) and pd.isna(row["low"])


def test_a_diverged_run_leaves_the_comparison_without_a_value(study, tmp_path):
    """Where the target is to be reached soonest, a run that diverged would be the slowest."""
    runs = read_runs(study.run_ids, tmp_path / "runs")
    runs.loc[runs["run_id"].str.contains("80sec/") & runs["seed"].eq(3), "status"] = "diverged"
    (row,) = table_of(compare_all([study], runs), Compared).to_dict("records")
    assert (row["n_first"], row["n_second"], row["diverged"], row["missing"]) == (2, 2, 1, 1)
    assert pd.isna(row["value"]) and pd.isna(row["low"]) and pd.isna(row["p_value_holm"])


def test_a_comparison_of_an_arm_without_runs_is_a_row_without_a_value(study, tmp_path):
    study.comparisons = [Comparison(**vars(BF16) | {"arms": ["18pct", "80sec"]})]
    (row,) = table_of(compare_all([study], read_runs(study.run_ids, tmp_path / "runs")), Compared).to_dict("records")
    assert (row["n_first"], row["n_second"]) == (0, 3)
    assert pd.isna(row["value"])


@pytest.mark.parametrize(
    ("change", "message"),
    [({"estimand": "cpu"}, "no metric 'cpu'"), ({"estimand": "none"}, "no metric 'none'")],
)
def test_a_comparison_that_cannot_be_is_an_error(study, tmp_path, change, message):
    study.comparisons = [Comparison(**vars(BF16) | change)]
    with pytest.raises(ReproduceError, match=message):
        compare_all([study], read_runs(study.run_ids, tmp_path / "runs"))


def test_histories_are_averaged_by_epoch(study, tmp_path):
    frame = average_histories(read_histories(study.run_ids, tmp_path / "runs"))
    row = frame[(frame["variant"] == "80sec") & (frame["epoch"] == 2)].iloc[0]
    assert row["test_error_percent_mean"] == pytest.approx((26.0 + 26.4 + 25.8) / 3)
    assert row["test_error_percent_std"] == pytest.approx(0.30551, abs=1e-5)
    assert (row["n_seeds"], row["weight_rate_factor"], row["phase"]) == (3, 0.001, 0)
    assert frame["epoch"].tolist() == [1, 2, 1, 2]


def test_no_runs_at_all_still_make_tables(tmp_path):
    collect([FakeStudy("nets", [FakeRunId()])], tmp_path / "out", tmp_path / "runs", [claim()])
    verdicts = pd.read_csv(tmp_path / "out" / "tables" / "verdicts.csv")
    assert verdicts["verdict"].tolist() == ["not run"]


def test_tables_have_fixed_decimals(tmp_path):
    frame = pd.DataFrame(
        {"weight_rate_factor": [1e-5], "error_percent": [26.0], "seconds": [1.25], "runs": [["a", "b"]]}
    )
    write_table(frame.assign(p_value=3.2e-7, low=float("nan")), tmp_path / "t.csv")
    lines = (tmp_path / "t.csv").read_text().splitlines()
    assert lines[1] == "1e-05,26.0000,1.2,a;b,3.2e-07,"


def test_the_verdict_page_shows_every_claim(study, tmp_path):
    page = (collect_into(study, tmp_path) / "tables" / "verdicts.md").read_text()
    assert "reproduced: 1, inconclusive: 1." in page
    assert "| 26 % ± 1 (published) | 26.07 % [25.31, 26.83], 3 seeds |" in page
    assert "`bf16-costs`" in page
    assert "Processors of the runs judged: Some CPU." in page


def test_the_verdict_page_counts_the_seeds_of_each_arm(tmp_path):
    runs = make_arms(tmp_path / "arms", {"with": [11.0, 11.2, 11.1], "without": [13.1, 13.0, 13.2, 13.1]})
    page = verdicts_markdown(judge([difference_claim()], runs))
    assert ", 4 and 3 seeds |" in page
