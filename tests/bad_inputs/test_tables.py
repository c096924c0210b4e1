"""Tables, notebooks and pages that were edited or damaged, and folders of results that are files."""

import pytest
from bad_input_rows import BINARY, DEEP_JSON, Row, cell, cut, folder, latin, without
from small_repository import NOTEBOOK, STUDY

TIMING = "results/timing/amd-epyc-2-cores-torch-2-14-1.csv"
HARDWARE, TIMELINE = "paper_notes/hardware.csv", "paper_notes/ilsvrc_timeline.csv"

ROWS = [
    *(
        Row(command, said, {path: change})
        for command, path, change, said in (
            ("time --tabulate", HARDWARE, None, "is missing"),
            ("time --tabulate", HARDWARE, b"", "cannot be read"),
            ("time --tabulate", HARDWARE, BINARY, "cannot be read"),
            ("time --tabulate", HARDWARE, latin, "cannot be read"),
            ("time --tabulate", HARDWARE, folder, "cannot be read"),
            ("time --tabulate", HARDWARE, without("peak_fp32_gflops"), "lacks the column 'peak_fp32_gflops'"),
            ("time --tabulate", HARDWARE, cell("peak_fp32_gflops", "many"), "is 'many', no finite number"),
            ("time --tabulate", HARDWARE, cell("peak_fp32_gflops", "inf"), "no finite number"),
            ("time --tabulate", HARDWARE, cell("peak_fp32_gflops", ""), "is empty; fill it in"),
            ("time --tabulate", HARDWARE, cell("year", "1e999"), "no finite number"),
            ("time --tabulate", TIMING, b"", "cannot be read"),
            ("time --tabulate", TIMING, without("ms_median"), "lacks the column 'ms_median'"),
            ("time --tabulate", TIMING, cell("ms_median", "soon"), "is 'soon', no finite number"),
            ("estimate", "paper_notes/hardware.csv", cell("bandwidth_gb_per_s", "x"), "no finite number"),
            ("report literature", TIMELINE, cell("top5_error_pct", "120"), "is not a percentage"),
            ("report literature", TIMELINE, cell("top5_error_pct", "nan"), "no finite number"),
            ("report literature", TIMELINE, cell("test_set", "ILSVRC2031"), "is not one of"),
            ("report literature", TIMELINE, without("top5_error_pct"), "lacks the column 'top5_error_pct'"),
            ("report literature", TIMELINE, cut, TIMELINE.split("/")[-1]),
            ("report literature", "paper_notes/later_models.csv", cell("params_millions", "big"), "no finite number"),
            ("report architectures", "paper_notes/architecture_points.yaml", b"points: 1\n", "points: "),
            ("report ablations", "results/tables/ablations.csv", b"claim\n", "lacks the column"),
            ("report timing", "results/tables/timing.csv", cell("ms_median", "x"), "no finite number"),
            (f"report study {STUDY}", "results/tables/histories.csv", None, "is missing; restore it with git"),
            (f"report notebook {NOTEBOOK}", f"experiments/analysis/{NOTEBOOK}.ipynb", b"[]", "cannot be read"),
            (f"report notebook {NOTEBOOK}", f"experiments/analysis/{NOTEBOOK}.ipynb", DEEP_JSON, "cannot be read"),
            (f"report notebook {NOTEBOOK}", f"experiments/analysis/{NOTEBOOK}.ipynb", folder, "cannot be read"),
        )
    ),
    Row("report pages", "cannot be read", {"README.md": latin}),
    Row("report pages", "cannot be read", {"README.md": folder}),
    Row("report pages", "has no partner", {"README.md": b"<!-- begin:answers -->"}),
    Row("report pages", "no number 'nope'", {"README.md": b"<!-- n:nope -->1<!-- /n -->"}),
    Row("report architectures", "architectures.md", {"paper_notes/architectures.md": folder}),
    Row("collect", "results/tables", {"results/tables": b"a file"}),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_it_is_one_line_and_nothing_is_written(refused, row):
    refused(row)
