"""Claims, comparisons and designs that name what there is not are refused, with the names that are most like it."""

from types import SimpleNamespace

import pandas as pd
import pytest
from collect_support import FakeRunId, FakeStudy, claim, difference_claim

from reproduce.base.errors import ReproduceError
from reproduce.base.paths import EXPERIMENTS, RESULTS
from reproduce.base.tables import read_csv
from reproduce.judge.collect import collect
from reproduce.judge.names import check_names
from reproduce.judge.plan import plan_text
from reproduce.runs.estimands import known_estimands
from reproduce.runs.table import TIMES
from reproduce.study.claims import load_claims
from reproduce.study.designs import Comparison
from reproduce.study.study import load_study

NETS = FakeStudy("cifar_nets", [FakeRunId("cifar_nets", "80sec"), FakeRunId("cifar_nets", "with_lrn")])
ENSEMBLES = FakeStudy("large", [FakeRunId("large", "paper")], ensembles={"five_nets": None})
NO_RUNS = pd.DataFrame({"run_id": [], "a_new_metric": pd.Series([], dtype="float64")})


def refused(*claims, studies=(NETS, ENSEMBLES)):
    with pytest.raises(ReproduceError) as raised:
        check_names(claims, studies, NO_RUNS)
    return str(raised.value)


def comparing(**fields):
    changes = {"id": "pair", "question": "?", "arms": ["80sec", "with_lrn"], "estimand": "training_seconds"} | fields
    return FakeStudy("cifar_nets", NETS.run_ids, comparisons=[Comparison(**changes)])


def test_known_names_pass():
    claims = [
        claim(study="cifar_nets", arms=["80sec"]),
        claim(id="averaged", study="large", arms=["five_nets"], estimand="a_new_metric"),
        claim(id="elsewhere", study="large", arms=["cifar_nets/with_lrn"], estimand="generalization_gap_percent"),
        claim(id="later", study=None, arms=[], estimand="training_days", not_run={"reason": "nobody can"}),
    ]
    check_names(claims, [comparing(), ENSEMBLES], NO_RUNS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"study": "cifar_net"},
            "experiments/ has no study 'cifar_net', which claim c names; did you mean cifar_nets?",
        ),
        ({"study": "zzz"}, "experiments/ has no study 'zzz', which claim c names; it has cifar_nets, large"),
        (
            {"arms": ["80secs"]},
            "study cifar_nets has no variant or ensemble '80secs', which claim c names; did you mean 80sec?",
        ),
        (
            {"arms": ["large/five_net"]},
            "study large has no variant or ensemble 'five_net', which claim c names; did you mean five_nets?",
        ),
        ({"arms": ["larg/paper"]}, "experiments/ has no study 'larg', which claim c names; did you mean large?"),
        (
            {"estimand": "test_top1_eror_percent"},
            "the table of runs has no metric 'test_top1_eror_percent', which claim c names; did you mean test_top1_",
        ),
    ],
)
def test_unknown_names_of_a_claim_are_refused(changes, message):
    fields = {"id": "c", "study": "cifar_nets", "arms": ["80sec"]} | changes
    assert refused(claim(**fields)).startswith(message)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"arms": ["80sec", "larg/paper"]}, "experiments/ has no study 'larg', which 'pair' of study cifar_nets names"),
        ({"arms": ["80sec", "large/papers"]}, "study large has no variant or ensemble 'papers', which 'pair' of"),
        ({"estimand": "training_second"}, "the table of runs has no metric 'training_second', which 'pair' of study"),
    ],
)
def test_unknown_names_of_a_comparison_are_refused(fields, message):
    assert refused(studies=[comparing(**fields), ENSEMBLES]).startswith(message)


def test_unknown_names_of_a_design_are_refused():
    design = SimpleNamespace(id="both", arms=["80sec", "with_lrm"], estimand="training_seconds")
    study = FakeStudy("cifar_nets", NETS.run_ids, factorials=[design])
    assert "which 'both' of study cifar_nets names; did you mean with_lrn?" in refused(studies=[study])


def test_plan_and_collect_refuse_before_they_say_or_write_anything(tmp_path):
    wrong = [difference_claim(study="cifar_nets", arms=["80sec", "with_lrm"])]
    with pytest.raises(ReproduceError, match="did you mean with_lrn"):
        plan_text([], [NETS], wrong, tmp_path / "runs")
    with pytest.raises(ReproduceError, match="did you mean with_lrn"):
        collect([NETS], tmp_path, tmp_path / "runs", wrong)
    assert not (tmp_path / "tables").exists()


def test_the_projects_own_claims_and_studies_name_what_there_is_even_without_runs():
    studies = [load_study(path.parent.name) for path in sorted(EXPERIMENTS.glob("*/study.yaml"))]
    check_names(load_claims(), studies, pd.DataFrame())


def test_every_metric_of_published_runs_is_known_without_them():
    runs = read_csv(RESULTS / "tables" / "runs.csv")
    columns = list(runs.columns)
    metrics = (
        columns[columns.index("test_top1_error_percent") : columns.index("cpu")]
        + columns[columns.index("finished_utc") + 1 :]
    )
    assert len(metrics) > len(TIMES) + 5
    assert set(metrics) <= set(known_estimands(pd.DataFrame()))
