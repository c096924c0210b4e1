"""Relatives of the faults in the other files, found later: files cut, doubled or re-encoded, and half a command."""

import json

import pytest
from bad_input_rows import Row, array, cut, edited, folder, link, utf16
from small_repository import BY_HAND, EPOCHS, RUN, STUDY, VARIANT

ONE = f"train {STUDY} {VARIANT} --epochs {EPOCHS}"
TRAIN = f"{ONE} --seed 7"
NUMBER = "cifar10-80sec-time"
NUMBERS, CLAIMS, CITATION = "results/numbers.json", "paper_notes/claims.yaml", "CITATION.cff"
STUDY_FILE, RUN_FOLDER = f"experiments/{STUDY}/study.yaml", f"results/runs/{RUN}"


def tabs(old: bytes) -> bytes:
    return old.replace(b"  ", b"\t")


def doubled(old: bytes) -> bytes:
    return old + old


def semicolons(old: bytes) -> bytes:
    return old.replace(b",", b";")


def heading_alone(old: bytes) -> bytes:
    return old.partition(b"\n")[0] + b"\n"


def last_epoch_lost(old: bytes) -> bytes:
    return b"\n".join(old.rstrip().split(b"\n")[:-1]) + b"\n"


def last_epoch_twice(old: bytes) -> bytes:
    return old + old.rstrip().rpartition(b"\n")[2] + b"\n"


def not_a_number(old: bytes) -> bytes:
    return old.replace(b'"value": ', b'"value": NaN, "x": ', 1)


def first_number_twice(old: bytes) -> bytes:
    content = json.loads(old)
    content["numbers"].append(content["numbers"][0])
    return json.dumps(content).encode()


def _nested_aliases() -> bytes:
    """A list whose every item is the list before it ten times: 10**9 words if written out."""
    lines = [b"a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [b"a%d: &a%d [%s]" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 10)) for n in range(1, 9)]
    return b"\n".join(lines) + b"\n"


LAUGHS = _nested_aliases()
EMPTY_ZIP = b"PK\x05\x06" + bytes(18)

ROWS = [
    Row("train", "the following arguments are required: study"),
    Row(ONE, "name a variant with --epochs and --seed"),
    Row(f"{TRAIN} --profile full", "leave out --epochs and --seed"),
    Row(f"train {STUDY} {VARIANT} --epochs 1e3 --seed 1", "'1e3' is not a positive whole number"),
    Row(f"{TRAIN} --device cuda:99", "invalid choice: 'cuda:99'"),
    Row("cite", "name the id of a number, or give --list TEXT"),
    Row(f"cite {NUMBER} --list gain", "name the id of a number, or give --list TEXT"),
    Row("cite --list --format yaml", "invalid choice: 'yaml'"),
    Row("evaluate /etc/passwd", "does not name a run"),
    Row(f"rerun {STUDY}/{VARIANT}/epochs011/seed1", "does not name a run"),
    Row("report figures", "invalid choice: 'figures'"),
    Row("report study", "report study needs a name"),
    Row("doctor extra", "unrecognized arguments: extra"),
    Row("verify nothing", "unrecognized arguments: nothing"),
    Row("golden", "the following arguments are required: action, study"),
    Row(f"ensemble {STUDY}", "the following arguments are required: name"),
    Row("data", "the following arguments are required: dataset"),
    Row(f"tuning {BY_HAND}", "has no profile 'tuning'"),
    Row("time --budget 1e9", "'1e9' is not a positive whole number"),
    Row("plan cifar10-80sec-tim", f"did you mean {NUMBER}"),
    *(
        Row(f"cite {NUMBER}", said, {NUMBERS: change})
        for change, said in (
            (b" \n", "is not valid JSON"),
            (b"{}", "has no list of numbers"),
            (cut, "is not valid JSON"),
            (not_a_number, "Input should be a finite number"),
            (first_number_twice, "stands twice in results/numbers.json"),
            (folder, "cannot be read"),
            (link, "numbers.json is missing"),
        )
    ),
    *(
        Row("plan", said, {STUDY_FILE: change})
        for change, said in (
            (tabs, "is not valid YAML"),
            (doubled, "is not valid YAML"),
            (LAUGHS, "Extra inputs are not permitted"),
            (b"---\na: 1\n---\nb: 2\n", "is not valid YAML"),
            (b"%YAML 9.9\n---\na: 1\n", "is not valid YAML"),
        )
    ),
    *(
        Row("collect", said, {CLAIMS: change})
        for change, said in (
            (b"", "must hold one key, `claims`"),
            (b"claims: null\n", "must hold one key, `claims`"),
            (tabs, "is not valid YAML"),
            (doubled, "found duplicate key"),
            (LAUGHS, "must hold one key, `claims`"),
        )
    ),
    *(
        Row("collect", said, {f"{RUN_FOLDER}/history.csv": change})
        for change, said in (
            (cut, "not one for each of 11 epochs"),
            (heading_alone, "has 0 rows, not one for each of 11 epochs"),
            (last_epoch_lost, "has 10 rows, not one for each of 11 epochs"),
            (last_epoch_twice, "has 12 rows, not one for each of 11 epochs"),
            (semicolons, "lacks the column 'epoch'"),
            (utf16, "cannot be read"),
        )
    ),
    Row("collect", "not one for each of 12 epochs", {f"{RUN_FOLDER}/metrics.json": edited(epochs=12)}),
    Row(f"evaluate {RUN}", "is not valid JSON", {f"{RUN_FOLDER}/run.json": cut}),
    Row(f"evaluate {RUN}", "Input should be a valid dictionary", {f"{RUN_FOLDER}/run.json": b"[]"}),
    Row(f"evaluate {RUN}", "cannot be read", {f"{RUN_FOLDER}/predictions.npz": array([1])}),
    Row(f"evaluate {RUN}", "has no test_predicted", {f"{RUN_FOLDER}/predictions.npz": EMPTY_ZIP}),
    Row(f"evaluate {RUN}", "cannot be read", {f"{RUN_FOLDER}/predictions.npz": folder}),
    Row(f"cite {NUMBER}", "authors: Field required", {CITATION: cut}),
    Row(f"cite {NUMBER}", "found duplicate key", {CITATION: doubled}),
    Row(f"cite {NUMBER}", "Field required", {CITATION: LAUGHS}),
    Row(TRAIN, "not a git repository: '/nowhere'", environment={"GIT_DIR": "/nowhere"}),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_it_is_one_line_and_nothing_is_written(refused, row):
    refused(row)


def with_mark(old: bytes) -> bytes:
    return b"\xef\xbb\xbf" + old


def with_windows_lines(old: bytes) -> bytes:
    return old.replace(b"\n", b"\r\n")


@pytest.mark.parametrize("change", [with_mark, with_windows_lines])
@pytest.mark.parametrize("name", [NUMBERS, CITATION, STUDY_FILE, CLAIMS])
def test_a_file_saved_by_another_editor_says_the_same(call, placed, name, change):
    """A byte-order mark or CR LF at the lines' ends changes no meaning."""
    command = f"cite {NUMBER}" if name in (NUMBERS, CITATION) else "plan"
    before = call(command, {})
    placed(name, change)
    after = call(command, {})
    assert (before.status, after.status) == (0, 0)
    assert after.out == before.out
