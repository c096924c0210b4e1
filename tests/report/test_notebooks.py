import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from report_support import make_records

from reproduce.base.errors import ReproduceError
from reproduce.base.paths import REPO_ROOT
from reproduce.report import notebooks
from reproduce.report.build import NOTEBOOK_SOURCES, NOTEBOOKS
from reproduce.report.notebooks import execute_notebook, normalized, read_notebook


def notebook(folder, *cells):
    code = [nbformat.v4.new_code_cell(source, id=f"cell-{number}") for number, source in enumerate(cells, 1)]
    path = folder / "a.ipynb"
    path.write_text(nbformat.writes(nbformat.v4.new_notebook(cells=code)))
    return path


def outputs(path):
    return ["".join(output.get("text", "")) for cell in nbformat.read(path, 4).cells for output in cell.outputs]


def test_runs_in_this_interpreter_from_the_root_and_gives_the_same_bytes_twice(tmp_path, capfd):
    where = "import os, sys, reproduce; print(sys.executable, os.getcwd(), reproduce.__file__)"
    source = notebook(
        tmp_path, where, "print(sorted({'a', 'b', 'c'}), hash('a')); print('noise', os.getpid(), file=sys.stderr)"
    )
    execute_notebook(source, tmp_path / "one.ipynb")
    execute_notebook(source, tmp_path / "two.ipynb")
    assert (tmp_path / "one.ipynb").read_bytes() == (tmp_path / "two.ipynb").read_bytes()
    place, numbers = outputs(tmp_path / "one.ipynb")
    assert place.split() == [sys.executable, str(REPO_ROOT), str(REPO_ROOT / "reproduce" / "__init__.py")]
    assert "noise" not in numbers
    assert "noise" in capfd.readouterr().err
    content = json.loads((tmp_path / "one.ipynb").read_text())
    assert "version" not in content["metadata"]["language_info"]
    assert all(cell["metadata"] == {} for cell in content["cells"])


def test_a_users_python3_kernel_is_not_used_and_the_home_folder_is_not_needed(tmp_path):
    spec = tmp_path / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text(
        json.dumps({"argv": ["/bin/false"], "display_name": "wrong", "language": "python"})
    )
    source = notebook(tmp_path, "import sys; print(sys.executable)")
    program = (
        "import pathlib, sys; from reproduce.report.notebooks import execute_notebook as run; "
        "run(*map(pathlib.Path, sys.argv[1:]))"
    )
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "JUPYTER_PATH": str(tmp_path / "jupyter")}
    arguments = [str(source), str(tmp_path / "b.ipynb")]
    subprocess.run([sys.executable, "-c", program, *arguments], cwd=REPO_ROOT, env=environment, check=True)
    assert outputs(tmp_path / "b.ipynb")[0].strip() == sys.executable


@pytest.mark.parametrize(
    ("cell", "problem"),
    [("raise ValueError('two\\nlines')", "ValueError: two lines"), ("import os; os._exit(3)", "Kernel died")],
)
def test_a_failing_cell_is_one_line_and_leaves_the_old_notebook(tmp_path, cell, problem):
    target = tmp_path / "target.ipynb"
    target.write_text("old")
    source = notebook(tmp_path, "1 + 1", cell)
    with pytest.raises(ReproduceError, match=rf"a.ipynb, cell 2 \(cell-2\): {problem}") as caught:
        execute_notebook(source, target)
    assert "\n" not in str(caught.value)
    assert target.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ipynb", "target.ipynb"]


def test_what_a_dying_kernel_says_is_the_reason_and_no_traceback(tmp_path, capfd):
    says = "import os; os.write(2, b'Traceback ...\\nOSError: the disk is full\\n'); os._exit(3)"
    with pytest.raises(ReproduceError, match=r"cell 1 \(cell-1\): Kernel died: OSError: the disk is full; run"):
        execute_notebook(notebook(tmp_path, says), tmp_path / "out.ipynb")
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("name", sorted(path.stem for path in NOTEBOOK_SOURCES.glob("*.ipynb")))
def test_sources_are_committed_without_outputs_and_with_fixed_ids(name):
    source = read_notebook(NOTEBOOK_SOURCES / f"{name}.ipynb")
    code = [cell for cell in source.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert all(cell.id == cell.id.lower() and not cell.id.isdigit() for cell in source.cells)
    assert len({cell.id for cell in source.cells}) == len(source.cells)
    assert source.metadata.kernelspec.name == "python3"


@pytest.mark.parametrize(("name", "pictures"), [("25_to_16", 9), ("ablations", 6)])
def test_what_is_published_is_what_its_source_gives_now(tmp_path, name, pictures):
    execute_notebook(NOTEBOOK_SOURCES / f"{name}.ipynb", tmp_path / "now.ipynb")
    now, published = read_notebook(tmp_path / "now.ipynb"), read_notebook(NOTEBOOKS / f"{name}.ipynb")
    assert [cell.source for cell in now.cells] == [cell.source for cell in published.cells]
    assert _markdown(now) == _markdown(published)
    assert _pictures(now) == _pictures(published) == pictures


def _data(notebook):
    return [output.data for cell in notebook.cells for output in cell.get("outputs", []) if "data" in output]


def _pictures(notebook):
    return sum("image/png" in data for data in _data(notebook))


def _markdown(notebook):
    return [data["text/markdown"] for data in _data(notebook) if "text/markdown" in data]


def test_cifar10_nets_runs_while_only_some_runs_exist(tmp_path):
    make_records(tmp_path)
    source = read_notebook(NOTEBOOK_SOURCES / "cifar10_nets.ipynb")
    load = next(cell for cell in source.cells if cell.id == "load")
    tests, tables = str(REPO_ROOT / "tests" / "support"), str(tmp_path / "tables")
    stand_in = f"load_records(__import__('pathlib').Path({tables!r}), __import__('report_support').claims())"
    load.source = f"import sys; sys.path.insert(0, {tests!r})\n" + load.source.replace("load_records()", stand_in)
    load.source = load.source.replace('"cifar10_nets"', '"nets"')
    (tmp_path / "a.ipynb").write_text(nbformat.writes(source))
    execute_notebook(tmp_path / "a.ipynb", tmp_path / "b.ipynb")
    executed = {cell.id: cell.outputs for cell in read_notebook(tmp_path / "b.ipynb").cells if cell.cell_type == "code"}
    tables = {name: made[0].data.get("text/markdown", "") for name, made in executed.items() if made}
    assert "26.00 % (25.50 to 26.50)" in tables["verdicts"]
    assert "**not run**" in tables["verdicts"]
    assert "`80sec_bf16`, `80sec`" in tables["comparisons"]
    assert re.search(r"\| 18pct +\|.*not run", tables["cost"])
    assert all("image/png" in executed[name][0].data for name in ("forest", "curves", "precision-figure"))


@pytest.mark.parametrize("path", sorted(NOTEBOOK_SOURCES.glob("*.ipynb")), ids=lambda path: path.stem)
def test_what_is_published_was_executed_from_todays_source(path):
    source, published = read_notebook(path), read_notebook(NOTEBOOKS / path.name)
    assert [cell.source for cell in published.cells] == [cell.source for cell in source.cells]


def test_widget_state_and_timing_are_stripped():
    cell = nbformat.v4.new_code_cell("1", metadata={"execution": {"iopub.status.busy": "now"}, "tags": ["x"]})
    made = normalized(nbformat.v4.new_notebook(cells=[cell], metadata={"widgets": {"state": {}}}))
    assert "widgets" not in made.metadata
    assert made.cells[0].metadata == {"tags": ["x"]}


def test_sockets_have_short_addresses_wherever_temporary_files_go(tmp_path, monkeypatch):
    long = tmp_path / ("d" * 100)
    monkeypatch.setattr(notebooks.tempfile, "gettempdir", lambda: str(long))
    assert notebooks._socket_folder() == Path("/tmp")
    monkeypatch.setattr(notebooks.tempfile, "gettempdir", lambda: "/var/tmp")
    assert notebooks._socket_folder() == Path("/var/tmp")
