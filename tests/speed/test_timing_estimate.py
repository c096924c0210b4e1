"""The estimate for this machine: from rows to seconds of a run by hand, and what is printed."""

import pytest
from timing_support import frame_of, row, tiny_scope
from training_support import tiny_study, write_study

from reproduce import cli
from reproduce.base.errors import ReproduceError
from reproduce.base.text import days_words
from reproduce.models.counts import training_flops_per_image
from reproduce.models.spec import load_spec
from reproduce.speed.timing import cells, estimate
from reproduce.speed.timing import speeds as speeds_module
from reproduce.speed.timing.estimate import estimate_text, span_words
from reproduce.speed.timing.run import facts_of_machine
from reproduce.speed.timing.speeds import Speeds, run_seconds, speeds_here
from reproduce.speed.timing.timing_rows import write_rows
from reproduce.study.study import load_study

pytestmark = pytest.mark.usefixtures("one_thread")


def speeds(*rows, device="cpu", source="made up"):
    given = rows or (
        row("training_step", "80sec", ms=128.0),  # 1 ms an image
        row("forward", "80sec", ms=32.0),
        row("network_input", "80sec", ms=12.8),
        row("training_step", "alexnet_paper", ms=12_800.0),
    )
    return Speeds(frame_of(given, loaded=False, started_utc="2026-01-02T03:04:05Z"), device, source)


def test_a_run_is_its_updates_and_evaluations():
    """80sec: 11 epochs of 50,000 images at 1 + 0.1 ms; 12 tests of 10,000 and 50,000 images at 0.25 + 0.1 ms."""
    variant = load_study("cifar10_nets").variant("80sec")
    expected = 11 * 50_000 * 1.1e-3 + (12 * 10_000 + 50_000) * 0.35e-3
    assert run_seconds(variant, 11, "cifar10", speeds()) == pytest.approx(expected)


def test_training_images_seen_again_after_every_epoch_are_counted():
    variant = load_study("relu_vs_tanh").variant("relu_r001").model_copy(update={"precision": "fp32"})
    evaluated = 9 * (10_000 + 50_000) + 10_000 + 50_000
    assert run_seconds(variant, 9, "cifar10", speeds()) == pytest.approx(9 * 50_000 * 1.1e-3 + evaluated * 0.35e-3)


def test_a_part_of_the_images_with_some_held_out():
    """75 epochs of 20,000 images, 10,000 held out seen after each; in the end ten views, of the test set also one."""
    variant = load_study("alexnet_small").variant("base").model_copy(update={"network": "80sec", "precision": "fp32"})
    evaluated = 75 * 10_000 + 10 * 10_000 + 11 * 10_000 + 20_000
    expected = 75 * 20_000 * 1.1e-3 + evaluated * 0.35e-3
    assert run_seconds(variant, 75, "cifar10", speeds()) == pytest.approx(expected)


def test_held_out_files_and_ten_views_are_counted():
    """13pct: 100 of 160 epochs on four files, the fifth looked at each time; ten views and the center at the end."""
    variant = load_study("cifar10_nets").variant("conv_local_13pct")
    ratio = training_flops_per_image(load_spec("conv_local_13pct")) / training_flops_per_image(load_spec("80sec"))
    step, forward, made = 1e-3 * ratio, 0.25e-3 * ratio, 0.1e-3  # the net was not timed: in proportion to operations
    held_out = [5 - len(phase.training_files) for phase in variant.phases for _ in range(phase.epochs)]
    trained = sum(50_000 - 10_000 * files for files in held_out)
    evaluated = sum(10_000 + 10_000 * files for files in held_out) + 11 * 10_000 + 50_000
    expected = trained * (step + made) + evaluated * (forward + made)
    assert sum(held_out) == 100
    assert run_seconds(variant, 160, "cifar10", speeds()) == pytest.approx(expected)


def gpu_speeds(*, step_ms, input_ms, forward_ms=1.0, network="alexnet_paper"):
    """A GPU's speeds in fp32 alone, beside a CPU's input, which is not the GPU's."""
    given = {"training_step": step_ms, "network_input": input_ms, "forward": forward_ms}
    rows = [row(what, network, ms=ms, device="cuda:0") for what, ms in given.items()]
    return speeds(*rows, row("network_input", network, ms=9999.0), device="cuda:0")


def test_a_gpu_makes_the_input_of_images_in_memory_itself_before_every_step():
    fast = gpu_speeds(step_ms=1.28, input_ms=0.128, forward_ms=0.32, network="80sec")
    assert fast.seconds_per_image("training_step", "80sec", load_spec("80sec"), "fp32") == pytest.approx(1e-5)
    assert fast.seconds_per_image("training_step", "80sec", load_spec("80sec"), "bf16") == pytest.approx(1e-5)  # none
    variant = load_study("cifar10_nets").variant("80sec")
    expected = 11 * 50_000 * 1.1e-5 + (12 * 10_000 + 50_000) * 0.35e-5
    assert run_seconds(variant, 11, "cifar10", fast) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("on_gpu", "slowest_ms"),
    [({"step_ms": 64.0, "input_ms": 32.0}, 64.0), ({"step_ms": 32.0, "input_ms": 64.0}, 64.0)],
)
def test_packed_images_are_read_while_a_gpu_computes(on_gpu, slowest_ms):
    """One epoch of ILSVRC-2012; 50,000 images once after it, and then in eleven views; 50,000 training images."""
    variant = load_study("ilsvrc2012").variant("early")
    fast = gpu_speeds(**on_gpu, forward_ms=16.0)
    expected = (1_281_167 * slowest_ms + (1 + 11 + 1) * 50_000 * on_gpu["input_ms"]) / 128 / 1e3  # reading is slower
    assert run_seconds(variant, 1, "ilsvrc2012", fast) == pytest.approx(expected)


def test_a_cpu_that_trains_shares_its_cores_with_reading():
    variant = load_study("ilsvrc2012").variant("early")
    given = {"training_step": 64.0, "network_input": 32.0, "forward": 16.0}
    slow = speeds(*(row(what, "alexnet_paper", ms=ms) for what, ms in given.items()))
    expected = (1_281_167 * 96.0 + 13 * 50_000 * 48.0) / 128 / 1e3
    assert run_seconds(variant, 1, "ilsvrc2012", slow) == pytest.approx(expected)


def test_every_profile_of_every_study_has_its_time():
    table = estimate.study_table([load_study("cifar10_nets")], speeds())
    assert set(table["profile"]) == {"standard", "full", "smoke"}
    assert table["in all"].str.match(r"\d+ (s|min \d\d s|h \d\d min)$").all()


def test_a_variant_that_takes_most_of_a_profile_is_set_apart_and_nasnets_cells_are_slow():
    study = load_study("after_2012")
    (full, words) = estimate.study_table([study], speeds()).set_index("profile").loc["full", ["in all", "longest run"]]
    six = study.variant("nasnet_a_6_768")
    assert "(nasnet_a_6_768, 600 epochs; without this variant " in words and words.endswith(" in all)")
    assert full not in words
    ratio = training_flops_per_image(six.network_spec()) / training_flops_per_image(load_spec("80sec"))
    one_net = speeds(row("training_step", "80sec", ms=128.0))
    seconds = one_net.seconds_per_image("training_step", "nasnet_a_6_768", six.network_spec(), "fp32")
    assert seconds == pytest.approx(1e-3 * ratio / 0.25)


def test_a_study_of_a_subset_is_named_and_not_guessed(tmp_path):
    write_study(tmp_path)
    study = tiny_study(tmp_path).model_copy(update={"dataset": "ilsvrc2012_subset"})
    table = estimate.study_table([study], speeds())
    assert set(table["in all"]) == {"not estimated"}
    assert table["longest run"][0] == "ilsvrc2012_subset has no fixed size"


def test_this_machine_stands_among_the_others():
    table = estimate.standing_table(speeds()).set_index("machine")
    here = table.loc["this machine: Intel(R) Xeon(R) Processor, 2 cores"]
    assert here["evidence"] == "extrapolated" and here["90 epochs"] == "130 days"  # 10 images a second
    assert table.loc["two GeForce GTX 580"]["from, to"] == "5 days to 6 days"
    order = list(table.index)
    assert order.index("Core i7-920") < order.index("two GeForce GTX 580") < order.index("H100 SXM")


@pytest.mark.parametrize(
    ("days", "words"), [(133.4, "130 days"), (5.5, "5.5 days"), (1.65, "40 h"), (0.0382, "55 min"), (2, "2 days")]
)
def test_days_are_printed_in_a_unit_that_fits(days, words):
    assert days_words(days) == words
    assert span_words(days, days) == "" and span_words(days, 9 * days).startswith(words)


def test_the_machines_own_file_is_used_where_there_is_one(tmp_path, monkeypatch):
    """Written for this very machine, it is read back; without it a short measurement takes its place."""
    rows = [row("training_step", "80sec", ms=640.0), row("forward", "80sec"), row("network_input", "80sec")]
    rows.append(row("training_step", "80sec", threads=1))
    facts = facts_of_machine(["cpu"]) | {"loaded": False, "started_utc": "2026-01-02T03:04:05Z"}
    write_rows(rows, facts, tmp_path)
    found = speeds_here(tmp_path, "cpu")
    assert found.source.startswith("timed on 2026-01-02, ")
    assert found.seconds_per_image("training_step", "80sec", load_spec("80sec"), "fp32") == pytest.approx(5e-3)
    monkeypatch.setattr(cells, "available_cores", lambda: 1)
    scope = tiny_scope("80sec")
    measured = speeds_here(tmp_path / "none", "cpu", scope)
    assert measured.source.startswith("measured just now") and not (tmp_path / "none").exists()
    assert measured.seconds_per_image("forward", "80sec", load_spec("80sec"), "fp32") > 0


def test_what_was_not_timed_on_the_device_is_not_guessed_from_another():
    other = speeds(row("training_step", "80sec"), row("forward", "80sec"), device="cuda:0")
    with pytest.raises(ReproduceError, match=r"no forward was timed on cuda:0 \(made up\)") as caught:
        other.seconds_per_image("forward", "80sec", load_spec("80sec"), "fp32")
    assert "\n" not in str(caught.value)


def test_the_short_measurement_leaves_nothing_out():
    assert max(cell.priority for cell in cells.all_cells(cells.ESTIMATE, ["cpu"])) == 1


def test_the_command_says_whose_speeds_it_used(monkeypatch, capsys):
    monkeypatch.setattr(speeds_module, "speeds_here", speeds)
    assert cli.main(["estimate"]) == 0
    printed = capsys.readouterr().out
    assert "cifar10_nets" in printed and "This machine's speeds: made up." in printed
    assert printed.rstrip() == estimate_text(cli._all_studies(), speeds())


def test_the_short_measurement_times_what_the_estimate_needs():
    whats = {cell.what for cell in cells.all_cells(cells.ESTIMATE, ["cpu"])}
    assert whats == {"matrix_multiply", "memory_copy", "forward", "training_step", "network_input"}
