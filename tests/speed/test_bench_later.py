"""The part of the later nets: one network is trained both ways in turns, and a row says what a step costs each way."""

import pytest

from reproduce.base.errors import ReproduceError
from reproduce.models import kernels
from reproduce.speed.bench import later
from reproduce.speed.bench.bench_tables import TABLES
from reproduce.speed.bench.later import measure_later
from reproduce.study.study import load_study

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def compiled():
    if kernels.library() is None:
        pytest.skip("no C compiler here")


def test_a_net_gets_a_row_and_the_row_its_place_in_the_table(compiled):
    (row,) = measure_later(rounds=1, variants=("18pct_today",), timed_steps=1)["later_nets"]
    assert (row["network"], row["precision"], row["batch_size"]) == ("18pct_today", "bf16", 128)
    assert row["images_per_second"]["median"] == pytest.approx(128e3 / row["ms_per_step"]["median"], rel=1e-3)
    ratio = row["plain_ms_per_step"]["median"] / row["ms_per_step"]["median"]
    assert row["times_plain"]["median"] == pytest.approx(ratio, rel=1e-3)
    (table,) = [text for text in (write({"later_nets": [row]}) for write in TABLES.values()) if text]
    assert "| 18pct_today | 128 | bf16 |" in table


def test_only_the_plain_way_does_without_kernels_and_no_epoch_ends_on_the_clock(compiled, monkeypatch):
    seen = []

    def clock(step, steps):
        for _ in range(steps):
            step()
        seen.append((kernels.library() is None, steps, step.__self__.state.update_in_epoch > 0))
        return 1.0

    monkeypatch.setattr(later, "seconds_on_cpu", clock)
    measure_later(rounds=2, variants=("18pct_today",), timed_steps=1)
    assert seen == [(plain, steps, True) for plain, steps in ((0, 2), (1, 2), (0, 1), (1, 1), (1, 1), (0, 1))]


def test_a_step_with_kernels_changes_the_weights_as_one_without_does(compiled):
    variant = load_study(later.STUDY).variant("nasnet_a_2_768").model_copy(update={"batch_size": 4})
    changes = []
    for way in (later.nullcontext, kernels.turned_off):
        trained = later.trainer(variant, "fp32", later.noise_training_data(4, 2, 32, 10))
        before = [parameter.detach().clone() for parameter in trained.update.parameters]
        with way():
            trained.advance()
        changes.append([after.detach() - b for after, b in zip(trained.update.parameters, before, strict=True)])
    for ours, plain in zip(*changes, strict=True):
        assert (ours - plain).norm() <= 0.02 * plain.norm()


def test_without_kernels_there_is_nothing_to_compare(monkeypatch):
    monkeypatch.setattr(kernels, "library", lambda: None)
    with pytest.raises(ReproduceError, match="needs the C kernels; install a C compiler"):
        measure_later(rounds=1, variants=("18pct_today",), timed_steps=1)


def test_the_nets_are_timed_in_the_precision_of_their_runs():
    study = load_study(later.STUDY)
    assert {study.variant(name).precision for name in later.VARIANTS} == {"bf16"}
