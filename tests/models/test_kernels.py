"""The compiled kernels: on wherever a compiler is, off on request, the same bits whatever the number of threads."""

import os
import signal
import subprocess
import sys

import pytest
import torch

from reproduce.models import kernels
from reproduce.models.activations import relu
from reproduce.models.batch_norm import BatchNormalizationLayer
from reproduce.models.depthwise import convolve_maps
from reproduce.models.layers import StepDraw
from reproduce.models.local import gather_patches
from reproduce.models.normalization import normalize_across_maps, normalize_within_map
from reproduce.models.pooling import average_pool, max_pool
from reproduce.models.spec import BatchNormalization

RATES = {"learning_rate": 0.1, "bias_learning_rate": 0.1, "weight_decay": 0.0}
NORM = BatchNormalization(name="norm", type="batch_normalization", activation="relu", **RATES)
OPERATIONS = {
    "max_pool": lambda x: max_pool(x, 3, 2),
    "average_pool": lambda x: average_pool(x, 3, 2),
    "average_pool_at_the_border": lambda x: average_pool(x, 3, 1, padding=1),
    "rectified": lambda x: relu(x * 1),
    "across_maps": lambda x: normalize_across_maps(x, 5, 0.01, 0.75, 1.0),
    "within_map": lambda x: normalize_within_map(x, 3, 0.01, 0.75, 1.0),
    "gather_patches": lambda x: gather_patches(x, 3, 1, 11),
    "convolve_maps": lambda x: convolve_maps(x, torch.ones(x.shape[1], 1, 3, 3, dtype=x.dtype), 2, 1, rectified=True),
    "batch_norm": lambda x: BatchNormalizationLayer(NORM, x.shape[1])(x, StepDraw(1, 0)),
}


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def compiled():
    if kernels.library() is None:
        pytest.skip("no C compiler here")


def both_ways(operation, dtype):
    """Return output and input gradient of an operation on 33 odd-sized maps."""
    random = torch.Generator().manual_seed(1)
    x = torch.randn(7, 33, 13, 13, generator=random).to(dtype).requires_grad_()
    out = OPERATIONS[operation](x)
    direction = torch.randn(out.shape, generator=random).to(dtype)
    return out.detach(), torch.autograd.grad(out, x, direction)[0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_results_do_not_depend_on_the_number_of_threads(compiled, operation, dtype):
    torch.set_num_threads(1)
    alone = both_ways(operation, dtype)
    for count in (2, 3, 5):
        torch.set_num_threads(count)
        for one, several in zip(alone, both_ways(operation, dtype), strict=True):
            assert torch.equal(one, several)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_any_memory_layout_gives_the_same(compiled, operation):
    random = torch.Generator().manual_seed(1)
    x = torch.randn(2, 5, 13, 13, generator=random)
    laid_out = x.contiguous(memory_format=torch.channels_last)
    sliced = torch.randn(2, 10, 13, 13)
    sliced[:, ::2] = x
    expected = OPERATIONS[operation](x)
    assert torch.equal(OPERATIONS[operation](laid_out), expected)
    assert torch.equal(OPERATIONS[operation](sliced[:, ::2]), expected)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_gradient_of_the_gradient_is_refused_rather_than_left_out(compiled, operation):
    x = torch.randn(2, 3, 13, 13, generator=torch.Generator().manual_seed(1)).bfloat16().requires_grad_()
    loss = OPERATIONS[operation](x).square().sum() + x.pow(3).sum()
    with pytest.raises(RuntimeError, match="no second gradient; set REPRODUCE_KERNELS=0"):
        torch.autograd.grad(loss, x, create_graph=True)


PROBE = """
import torch
from reproduce.models import kernels
from reproduce.models.pooling import max_pool
print(kernels.library() is None, max_pool(torch.arange(16.0).view(1, 1, 4, 4), 3, 2).flatten().tolist())
"""


def probe(**environment):
    command = [sys.executable, "-c", PROBE]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=True)
    return done.stdout.strip(), done.stderr


def test_the_environment_turns_them_off():
    assert probe(REPRODUCE_KERNELS="0") == ("True [10.0, 11.0, 14.0, 15.0]", "")


@pytest.mark.parametrize("before", [None, "1"])
def test_they_are_turned_off_inside_the_block_only(compiled, monkeypatch, before):
    if before is None:
        monkeypatch.delenv("REPRODUCE_KERNELS", raising=False)
    else:
        monkeypatch.setenv("REPRODUCE_KERNELS", before)
    with kernels.turned_off():
        assert kernels.library() is None
    assert kernels.library() is not None
    assert os.environ.get("REPRODUCE_KERNELS") == before


def test_without_a_compiler_torch_does_the_work_and_says_so(tmp_path):
    printed, said = probe(PATH="", CC="no-such-compiler", REPRODUCE_SCRATCH=str(tmp_path))
    assert printed == "True [10.0, 11.0, 14.0, 15.0]"
    assert said == "no C compiler: using slower torch operations\n"


def test_a_compiler_that_fails_leaves_torch_at_work_and_one_line(tmp_path):
    compiler = tmp_path / "cc-broken"
    compiler.write_text('#!/bin/sh\n[ "$1" = --version ] && exit 0\necho "fatal: no headers" >&2\nexit 1\n')
    compiler.chmod(0o755)
    printed, said = probe(CC=str(compiler), REPRODUCE_SCRATCH=str(tmp_path / "scratch"))
    assert printed == "True [10.0, 11.0, 14.0, 15.0]"
    assert said == "the C kernels could not be built (fatal: no headers): using slower torch operations\n"
    assert list((tmp_path / "scratch").rglob("*.so*")) == []


def test_a_library_that_cannot_be_loaded_is_told_in_the_loaders_own_words(tmp_path):
    compiler = tmp_path / "cc-junk"
    write = 'for word; do [ "$last" = -o ] && echo junk > "$word"; last=$word; done'
    compiler.write_text(f'#!/bin/sh\n[ "$1" = --version ] && exit 0\n{write}\n')
    compiler.chmod(0o755)
    printed, said = probe(CC=str(compiler), REPRODUCE_SCRATCH=str(tmp_path / "scratch"))
    assert printed == "True [10.0, 11.0, 14.0, 15.0]"
    assert "file too short" in said and "None" not in said


def test_a_full_disk_is_an_error_since_runs_without_them_would_take_weeks(tmp_path):
    compiler = tmp_path / "cc-full"
    compiler.write_text('#!/bin/sh\n[ "$1" = --version ] && exit 0\necho "a.s: No space left on device" >&2\nexit 1\n')
    compiler.chmod(0o755)
    with pytest.raises(subprocess.CalledProcessError) as failed:
        probe(CC=str(compiler), REPRODUCE_SCRATCH=str(tmp_path / "scratch"))
    room = f"no room to build the C kernels in {tmp_path / 'scratch'}; free space, set REPRODUCE_SCRATCH"
    assert room in failed.value.stderr


def test_a_cache_folder_that_is_a_file_is_named_with_the_setting(compiled, tmp_path):
    (tmp_path / "file").write_text("")
    printed, said = probe(REPRODUCE_SCRATCH="", XDG_CACHE_HOME=str(tmp_path / "file"))
    assert printed == "True [10.0, 11.0, 14.0, 15.0]"
    place = tmp_path / "file/alexnet-reproduction/kernels"
    assert f"({place}: Not a directory; set REPRODUCE_SCRATCH to a writable folder): using slower" in said


def test_they_are_built_once_and_kept_in_the_scratch_folder(compiled, tmp_path):
    assert probe(REPRODUCE_SCRATCH=str(tmp_path))[0] == "False [10.0, 11.0, 14.0, 15.0]"
    (library,) = (tmp_path / "kernels").iterdir()
    built = library.stat().st_mtime_ns
    assert probe(REPRODUCE_SCRATCH=str(tmp_path), CC="gcc")[0].startswith("False")
    assert [path.stat().st_mtime_ns for path in (tmp_path / "kernels").iterdir()] == [built]


def test_what_a_kill_during_the_build_left_is_cleared_by_the_next(compiled, tmp_path):
    """The compiler outlives the process that was killed, and then finds its folder gone."""
    compiler, scratch = tmp_path / "cc-killing", tmp_path / "scratch"
    late = 'kill -9 $PPID; touch "$TMPDIR/kept.s"; while [ -e "$TMPDIR" ]; do sleep 0.05; done; touch "$TMPDIR/late.o"'
    compiler.write_text(f'#!/bin/sh\n[ "$1" = --version ] && exit 0\n{late}\n')
    compiler.chmod(0o755)
    with pytest.raises(subprocess.CalledProcessError) as killed:
        probe(CC=str(compiler), REPRODUCE_SCRATCH=str(scratch))
    assert killed.value.returncode == -signal.SIGKILL
    assert len(list((scratch / "kernels").iterdir())) == 1
    assert probe(REPRODUCE_SCRATCH=str(scratch))[0].startswith("False")
    assert [path.suffix for path in (scratch / "kernels").iterdir()] == [".so"]


def test_other_types_and_devices_are_left_to_torch():
    assert not kernels.usable(torch.ones(1, dtype=torch.float64))
    assert not kernels.usable(torch.ones(1, dtype=torch.float16))
    assert not kernels.usable(torch.ones(1, device="meta"))
