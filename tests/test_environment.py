"""pyproject.toml, constraints.txt and environment.yml say the same; nothing names an index or a machine's path."""

import re
import subprocess
import tomllib

import pytest
import yaml

from reproduce.base.paths import REPO_ROOT

_CONDA_NAMES = {"opencv-python-headless": "py-opencv", "torch": "pytorch"}


def requirements():
    project = tomllib.loads((REPO_ROOT / "pyproject.toml").read_text())["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["test"]]


def name_of(requirement):
    return re.match(r"[A-Za-z0-9._-]+", requirement).group(0)


def test_environment_yml_lists_the_direct_dependencies_under_conda_names():
    listed = yaml.safe_load((REPO_ROOT / "environment.yml").read_text())["dependencies"]
    expected = ["python>=3.11"]
    for requirement in requirements():
        name = name_of(requirement)
        expected.append(_CONDA_NAMES.get(name, name) + requirement[len(name) :])
    assert listed == expected


def test_constraints_pin_every_direct_dependency_exactly():
    lines = (REPO_ROOT / "constraints.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    canonical = {re.sub(r"[-_.]+", "-", name).lower() for name in pins}
    missing = [r for r in requirements() if re.sub(r"[-_.]+", "-", name_of(r)).lower() not in canonical]
    assert missing == []
    assert pins["torch"] == "2.14.1"
    assert pins["torchvision"] == "0.29.1"


@pytest.mark.parametrize("package", ["torch", "torchvision", "pandas", "seaborn", "jupyter", "dvc"])
def test_the_founding_packages_are_direct_dependencies(package):
    assert package in [name_of(requirement) for requirement in requirements()]


def test_no_tracked_file_names_an_index_or_a_home_folder():
    pattern = "|".join(
        ["registry" + r"\.npmjs", "pypi" + r"\.org", "files" + r"\.pythonhosted", "/ro" + "ot/", "/wo" + "rk/"]
    )
    command = ["git", "-C", str(REPO_ROOT), "grep", "-nIE", pattern, "--", "."]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 1, found.stdout
