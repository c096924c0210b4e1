"""Files that people edit, and those by which a study is held: study.yaml, claims.yaml, golden, numbers, citation."""

import pytest
from bad_input_rows import BINARY, DEEP_JSON, DEEP_YAML, Row, cut, edited, edited_yaml, folder, latin, loop, utf16
from small_repository import STUDY, VARIANT

NUMBER = "parameters-60-million"
STUDY_FILE, CLAIMS = f"experiments/{STUDY}/study.yaml", "paper_notes/claims.yaml"
GOLDEN = f"experiments/{STUDY}/golden/{VARIANT}.json"

ROWS = [
    *(
        Row("plan", said, {STUDY_FILE: change})
        for change, said in (
            (b"", "Input should be a valid dictionary"),
            (b"null\n", "Input should be a valid dictionary"),
            (BINARY, "is not valid YAML"),
            (latin, "is not valid YAML"),
            (utf16, "is not valid YAML"),
            (DEEP_YAML, "is nested too deep"),
            (folder, "cannot be read (Is a directory)"),
            (loop, "cifar10_nets"),  # from Python 3.13 on the system's own reason
            (b"a: !!python/object/apply:os.system [touch pwned]\n", "is not valid YAML"),
            (b"a: 1\na: 2\n", "is not valid YAML"),
            (b"study: " + b"9" * 5_000, "is not valid YAML"),
            (edited_yaml(study="other"), "says it is study 'other'"),
            (edited_yaml(dataset="cifar100"), "dataset: "),
            (edited_yaml(dataset="x" * 5_000), "characters)"),
            (edited_yaml(variants__80sec__momentun=0.9, variants__80sec__momentum=...), "did you mean 'momentum'?"),
            (edited_yaml(variants__80sec__momentum=float("nan")), "momentum: Input should be a finite number"),
            (edited_yaml(variants__80sec__batch_size=-1), "batch_size: Input should be greater than or equal to 1"),
            (edited_yaml(variants__80sec__phases=[]), "phases: List should have at least 1 item"),
            (edited_yaml(profiles__standard={"90sec": {"epochs": 1, "seeds": [1]}}), "unknown variant '90sec'"),
            (edited_yaml(profiles__standard__80sec__seeds=[2**70]), "seeds.0: "),
            (
                edited_yaml(profiles__standard__80sec__seeds=[1, 1]),
                "lists seed 1 of 80sec at 11 epochs twice; keep one",
            ),
        )
    ),
    *(
        Row(f"golden check {STUDY} {VARIANT}", said, {STUDY_FILE: change})
        for change, said in (
            (edited_yaml(variants__80sec__network="81sec"), "81sec"),
            (edited_yaml(variants__80sec__network="../../x"), "../../x"),
            (edited_yaml(variants__80sec__changes={"conv1.filters": "many"}), "filters"),
        )
    ),
    *(
        Row("plan", said, {CLAIMS: change})
        for change, said in (
            (None, "is missing; restore it with git"),
            (b"claims: 3\n", "must hold one key, `claims`, with a list"),
            (DEEP_YAML, "is nested too deep"),
            (folder, "cannot be read (Is a directory)"),
            (edited_yaml(claims__0__statment="x"), "statment: Extra inputs are not permitted"),
            (edited_yaml(claims__0__statement=...), "statement: Field required"),
            (edited_yaml(claims__0__kind="k" * 5_000), "characters)"),
            (edited_yaml(claims__0__targets__0__value=float("inf")), "value: Input should be a finite number"),
            (edited_yaml(claims__0__id="A B"), "id: String should match pattern"),
        )
    ),
    *(
        Row(f"golden check {STUDY} {VARIANT}", said, {GOLDEN: change})
        for change, said in (
            (None, "is missing"),
            (b"[]", "Input should be a valid dictionary"),
            (DEEP_JSON, "cannot be read"),
            (edited(fp32=3), "fp32: Input should be a valid dictionary"),
            (edited(fp32__trajectory=...), "lacks fp32 trajectory"),
            (folder, "is missing"),
        )
    ),
    Row("cite " + NUMBER, "title: Field required", {"CITATION.cff": edited_yaml(title=...)}),
    Row("cite " + NUMBER, "is missing; restore it", {"CITATION.cff": None}),
    Row("cite " + NUMBER, "top level: Input should be a valid dictionary", {"CITATION.cff": b"[]"}),
    Row("cite " + NUMBER, "an author needs a name", {"CITATION.cff": edited_yaml(authors=[{}])}),
    Row("cite " + NUMBER, "is nested too deep", {"CITATION.cff": DEEP_YAML}),
    Row("cite " + NUMBER, "is not valid JSON", {"results/numbers.json": cut}),
    Row("cite " + NUMBER, "is missing", {"results/numbers.json": None}),
    Row("cite " + NUMBER, "cannot be read", {"results/numbers.json": folder}),
    Row("cite " + NUMBER, "has no list of numbers", {"results/numbers.json": b"[]"}),
    Row("cite " + NUMBER, "numbers.0.value", {"results/numbers.json": edited(numbers__0__value="x")}),
    Row("cite " + NUMBER, "numbers.0.runs: ", {"results/numbers.json": edited(numbers__0__runs=None)}),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_it_is_one_line_and_nothing_is_written(refused, row):
    refused(row)
