"""An edited ``dvc.lock`` is named by ``verify``, and so is one that is not of its pipeline."""

import pytest
from verify_support import ROOT_LOCK, RUN, STUDY_LOCK, problems, replace

from reproduce.judge.verify import find_problems


@pytest.mark.parametrize(
    ("name", "old", "new", "named"),
    [
        (ROOT_LOCK, "size: 10128", "size: 10129", "test_labels.npy"),
        (ROOT_LOCK, "nfiles: 1", "nfiles: 2", "results/timing"),
        (STUDY_LOCK, "nfiles: 4", "nfiles: 3", f"results/runs/{RUN}"),
        (ROOT_LOCK, "md5:", "md6:", "dvc.lock is no lock file of DVC ('md5')"),
        (ROOT_LOCK, "stages:", "- stages:", "dvc.lock is no lock file of DVC"),
        (
            STUDY_LOCK,
            "path: results/runs/",
            "path: results/runs/x",
            "results/runs/xnets/80sec/epochs11/seed1 is missing",
        ),
    ],
)
def test_an_edited_lock_file_is_named(root, name, old, new, named):
    replace(root / name, old, new)
    found = [line for line in problems(root) if named in line]
    assert found and all(name in line or "is missing" in line for line in found)


def test_a_sum_that_other_entries_contradict_is_the_edited_one(root):
    lines = (root / ROOT_LOCK).read_text().splitlines(keepends=True)
    place = next(number for number, line in enumerate(lines) if "path: results/tables/runs.csv" in line)
    lines[place + 2] = "      md5: " + 32 * "0" + "\n"
    (root / ROOT_LOCK).write_text("".join(lines))
    (problem,) = problems(root)
    assert problem.startswith("dvc.lock, stage collect: what it records of results/tables/runs.csv fits neither")


PIPELINE = """
stages:
  make:
    cmd: echo make
    params: [settings.yaml: [margin]]
    deps: [a.txt]
    outs: [b.txt: {cache: false}]
"""
PIPELINE_LOCK = """
schema: '2.0'
stages:
  make:
    cmd: echo make
    deps: [{path: a.txt, hash: md5, md5: 60b725f10c9c85c70d97880dfe8191b3, size: 2}]
    params: {settings.yaml: {margin: 1e-05}}
    outs: [{path: b.txt, hash: md5, md5: 3b5d5c3712955042212316173ccf37be, size: 2}]
"""


@pytest.fixture
def pipeline(tmp_path):
    """A pipeline of one stage that is up to date, in a folder that git does not know."""
    contents = {"dvc.yaml": PIPELINE, "dvc.lock": PIPELINE_LOCK, "a.txt": "a\n", "b.txt": "b\n", ".dvc/config": ""}
    for name, content in (contents | {"settings.yaml": "margin: 1e-05\n"}).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "old", "new", "line"),
    [
        ("dvc.lock", "echo make", "echo fake", "dvc.lock, stage make: its command is not that of dvc.yaml"),
        ("dvc.yaml", "echo make", "echo fake", "dvc.lock, stage make: its command is not that of dvc.yaml"),
        (
            "dvc.lock",
            "margin: 1e-05",
            "margin: 1",
            "dvc.lock, stage make: margin of settings.yaml is not what it records",
        ),
        ("settings.yaml", "1e-05", "2e-05", "dvc.lock, stage make: margin of settings.yaml is not what it records"),
        ("dvc.yaml", "deps: [a.txt]", "deps: [a.txt, c.txt]", "its deps are not those of dvc.yaml (c.txt)"),
        ("dvc.yaml", "  make:", "  made:", "dvc.lock records make, a stage that dvc.yaml does not have"),
        ("dvc.yaml", "  make:", "  made:", "dvc.lock does not record made, whose files are here"),
        ("dvc.yaml", "outs:", "outputs:", "DVC cannot read the pipeline: "),
    ],
)
def test_a_lock_file_that_is_not_of_its_pipeline(pipeline, name, old, new, line):
    replace(pipeline / name, old, new)
    assert any(line in problem for problem in find_problems([], pipeline).problems)


def test_a_pipeline_that_is_up_to_date(pipeline):
    assert [line for line in find_problems([], pipeline).problems if "dvc" in line.partition(":")[0]] == []
