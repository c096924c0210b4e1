"""Arguments that no verb can use."""

import pytest
from bad_input_rows import HUGE, Row
from small_repository import BY_HAND, EPOCHS, RUN, STUDY, VARIANT

TRAIN = f"train {STUDY} {VARIANT} --epochs {EPOCHS} --seed 7"
NUMBER = "cifar10-80sec-time"

ROWS = [
    Row("", "the following arguments are required: VERB"),
    Row("tarin", "invalid choice: 'tarin'"),
    Row("x" * 5_000, "characters)"),
    Row(f"train {STUDY} {VARIANT} --epochs {EPOCHS} --seed {2**70}", "below 2**63"),
    Row(f"train {STUDY} {VARIANT} --epochs {EPOCHS} --seed -1", "--seed"),
    Row(f"train {STUDY} {VARIANT} --epochs {EPOCHS} --seed 1.5", "'1.5' is not a positive whole number"),
    Row(f"train {STUDY} {VARIANT} --epochs {EPOCHS} --seed \u0663", "is not a positive whole number"),
    Row(f"train {STUDY} {VARIANT} --epochs {HUGE} --seed 1", "(5,002 characters)"),
    Row(f"{TRAIN} --threads 1000000", "'1000000' threads are too many"),
    Row(f"{TRAIN} --seconds-between-checkpoints nan", "'nan' is not a finite number of seconds"),
    Row(f"{TRAIN} --seconds-between-checkpoints inf", "'inf' is not a finite number of seconds"),
    Row(f"{TRAIN} --images-per-pass 0", "'0' is not a positive whole number"),
    Row(f"{TRAIN} --seconds-between-checkpoints -1", "--seconds-between-checkpoints"),
    Row(f"{TRAIN} --seconds-between-checkpoints soon", "'soon' is not a finite number of seconds"),
    Row(f"{TRAIN} --threads 0", "'0' is not a positive whole number"),
    Row(f"{TRAIN} --device tpu", "invalid choice: 'tpu'"),
    Row(f"train {STUDY} --profile nightly", "invalid choice: 'nightly'"),
    Row(f"train {STUDY} {VARIANT} --epochs six --seed 1", "'six' is not a positive whole number"),
    Row(f"train {STUDY} 80sek --epochs {EPOCHS} --seed 1", "did you mean 80sec?"),
    Row(f"train {STUDY} --profile smoke", "has no profile 'smoke'"),
    Row("train ../cifar10_nets --profile full", "there is no study '../cifar10_nets'"),
    Row("train . --profile full", "there is no study '.'"),
    Row(f"train {'s' * 5_000} --profile full", "(5,002 characters)"),
    Row(f"evaluate {RUN.replace('seed1', 'seed99')}", "is not published"),
    Row(f"evaluate {STUDY}/{VARIANT}", "does not name a run"),
    Row(f"evaluate {STUDY}/{'v' * 300}/epochs1/seed1", "does not name a run"),
    Row(f"rerun {STUDY}/{VARIANT}/epochs{HUGE}/seed1", "does not name a run"),
    Row("rerun a/b/epochs1/seed\u0661", "does not name a run"),
    Row(f"cite {'n' * 5_000}", "characters)"),
    Row("cite cifar10-80sec-tim", f"similar ids: {NUMBER}"),
    Row("plan nothing_like_it", "is neither a claim nor a study"),
    Row("data cifar100", "there is no data set 'cifar100'"),
    Row("data cifar10 --workers 2", "are for the ILSVRC data"),
    Row("data neighbors --subset", "are for the ILSVRC data; leave them out for neighbors"),
    Row("data neighbors --workers 3", "are for the ILSVRC data; leave them out for neighbors"),
    Row(f"golden check {STUDY} 80sek", "did you mean 80sec?"),
    Row(f"golden record {STUDY} {VARIANT}", "--reason is empty"),
    Row(f"golden check {BY_HAND}", "has no golden files"),
    Row(f"ensemble {BY_HAND} six_cnns", "has no ensemble 'six_cnns'"),
    Row(f"publish {STUDY}", "are published by their stages"),
    Row(f"publish {BY_HAND}", "holds no finished run"),
    Row(f"tuning {STUDY}", "has no profile 'tuning'"),
    Row("report study .", "there is no study '.'"),
    Row("report notebook ../25_to_16", "there is no notebook"),
    Row("report timing now", "takes no name"),
    Row("bench everything", "bench has no part 'everything'"),
    Row("archive", "git"),
    Row("time --budget 0", "'0' is not a positive whole number"),
    Row("time --tabulate --out somewhere", "leave out --quick, --budget and --out"),
    Row("time --quick --out README.md", "README.md"),
    Row("quick --threads many", "'many' is not a positive whole number"),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_it_is_one_line_and_nothing_is_written(refused, row):
    refused(row)
