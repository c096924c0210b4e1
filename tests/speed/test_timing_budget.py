"""Fitting cells into a time budget: batch sizes, and what gives way."""

import pytest

from reproduce.speed.timing import budget, cells
from reproduce.speed.timing.cells import Cell, Scope, Setting


@pytest.fixture(autouse=True)
def one_core(monkeypatch):
    monkeypatch.setattr(cells, "available_cores", lambda: 1)


def speeds(two, one):
    """Return first measurements, equal for a product and a step, of two threads and of one."""
    return {Setting("cpu", "fp32", threads): budget.Speed(each, each) for threads, each in ((2, two), (1, one))}


def sizes_of(chosen, threads):
    return {c.network: c.batch_size for c in chosen if c.what == "training_step" and c.setting.threads == threads}


def test_the_plan_follows_from_the_budget():
    fast, slow = Setting("cpu", "fp32", 2), Setting("cpu", "fp32", 1)
    networks = ("alexnet_paper", "alexnet_one_gpu", "80sec")
    found = [Cell(s, "training_step", n, 128, 1 if s == fast else 5) for s in (fast, slow) for n in networks]
    found.append(Cell(slow, "forward", "80sec", 128, 6))
    rate = speeds(two=2e11, one=1e11)
    roomy, none = budget.fitted(found, Scope(3600, networks), rate)
    assert {c.batch_size for c in roomy} == {128} and none == []
    # a step of 128 of alexnet_paper takes 2.6 s at two threads and 5.3 s at one; a twentieth of the budget is 3 s
    tight, _ = budget.fitted(found, Scope(60, networks), rate)
    assert sizes_of(tight, 2) == dict.fromkeys(networks, 128), "a smaller batch at one thread makes the room"
    assert sizes_of(tight, 1) == {"alexnet_paper": 32, "alexnet_one_gpu": 32, "80sec": 128}
    tighter, _ = budget.fitted(found, Scope(16, networks), rate)
    assert sizes_of(tighter, 2) == sizes_of(tighter, 1) == {"alexnet_paper": 32, "alexnet_one_gpu": 32, "80sec": 128}
    nothing, dropped = budget.fitted(found, Scope(0.001, networks), rate)
    assert {c.priority for c in nothing} == {1} and [c.priority for c in dropped] == [6, 5, 5, 5]


def test_a_batch_made_smaller_is_not_timed_twice():
    setting = Setting("cpu", "fp32", 2)
    found = [Cell(setting, "training_step", "alexnet_paper", n, p) for n, p in ((128, 1), (1, 4), (32, 4))]
    chosen, _ = budget.fitted(found, Scope(10, ("alexnet_paper",)), {setting: budget.Speed(1e11, 1e11)})
    assert [(c.batch_size, c.priority) for c in chosen] == [(32, 1), (1, 4)]


def test_nasnet_gets_a_batch_that_a_slow_machine_can_time():
    setting = Setting("cpu", "fp32", 2)
    found = [Cell(setting, "training_step", "80sec", 128, 1), Cell(setting, "forward", "nasnetalarge", 8, 4)]
    scope = Scope(480, ("80sec", "nasnetalarge"))
    fast, slow = (budget.fitted(found, scope, {setting: budget.Speed(s, s)})[0] for s in (1e12, 5e9))
    assert [c.batch_size for c in fast] == [128, 8] and [c.batch_size for c in slow] == [128, 1]


def test_of_the_matrix_products_one_is_certain_and_the_others_fit_or_give_way():
    setting = Setting("cpu", "fp32", 1)
    products = [cell for cell in cells.all_cells(Scope(100, ("80sec",)), ["cpu"]) if cell.what == "matrix_multiply"]
    assert {(cell.batch_size, cell.priority) for cell in products} == {(2048, 0), (1024, 3), (4096, 3)}
    (large,) = {cell for cell in products if cell.batch_size == 4096 and cell.setting == setting}
    assert budget.predicted_seconds(large, Scope(100), {setting: budget.Speed(1e11, 1e9)}) == pytest.approx(
        2 * 4096**3 / 1e11
    )
