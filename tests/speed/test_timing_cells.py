"""The cells of a scope of timing, the numbers of threads, and the least work of a layer by hand."""

from reproduce.base import hardware
from reproduce.models.spec import load_spec
from reproduce.speed.timing import cells
from reproduce.speed.timing.cells import Scope, Setting, layer_work, thread_counts


def test_layer_work_by_hand():
    work = layer_work(load_spec("80sec"), batch_size=2, precision="bf16")
    inputs, outputs, weights = 3 * 32 * 32, 32 * 32 * 32, 75 * 32 + 32
    assert work["layer_forward", "conv1"] == (2 * 2 * 32 * 32 * 32 * 75, 2 * (2 * inputs + 2 * outputs + weights))
    back = 2 * (2 * inputs + 2 * outputs + 2 * weights)  # no gradient of the images
    assert work["layer_backward", "conv1"] == (2 * 2 * 32 * 32 * 32 * 75, back)
    pooled = 32 * 16 * 16
    assert work["layer_forward", "pool1"] == (0, 2 * 2 * (outputs + pooled))
    assert work["layer_backward", "pool1"] == (0, 2 * 2 * (2 * outputs + pooled))
    assert work["layer_backward", "fc10"][0] == 2 * 2 * 2 * 640


def test_threads_are_all_then_powers_of_two():
    assert [thread_counts(n) for n in (1, 2, 6, 8)] == [[1], [2, 1], [6, 4, 2, 1], [8, 4, 2, 1]]


def test_cells_cover_networks_kinds_and_threads(monkeypatch):
    monkeypatch.setattr(cells, "available_cores", lambda: 4)
    monkeypatch.setattr(hardware, "native_precisions", lambda *device: ["fp32", "bf16"])
    found = cells.all_cells(Scope(100, ("alexnet_paper", "alexnet_one_gpu", "80sec")), ["cpu", "cuda:0"])
    assert {(c.setting.device, c.setting.threads) for c in found} == {("cpu", 4), ("cpu", 2), ("cpu", 1), ("cuda:0", 4)}
    assert [c.priority for c in found] == sorted(c.priority for c in found)
    slow = {c.what for c in found if c.setting == Setting("cpu", "fp32", 1)}
    assert slow == {"matrix_multiply", "memory_copy", "forward", "training_step"}
    assert {c.network for c in found if c.what == "training_step_and_input"} == {"alexnet_paper", "80sec"}
    sizes = {
        device: {c.batch_size for c in found if c.setting.device == device and c.what == "training_step"}
        for device in ("cpu", "cuda:0")
    }
    assert sizes == {"cpu": {1, 8, 32, 128, 512}, "cuda:0": {1, 8, 32, 128, 512}}
