"""Response normalization across maps in bf16: every form of the kernel against torch's layer in double precision."""

import ctypes
import platform
import shutil
import subprocess
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from reproduce.models import kernels
from reproduce.models.normalization import normalize_across_maps

ALPHA_PER_SQUARE, BETA, K = 2e-4, 0.75, 1.0
BF16_ROUNDING = 1.05 * 2.0**-8  # of the result, relative; all before it is float32, and 1e-4 at worst


def bf16_noise(maps: int, seed: int, scale: float) -> torch.Tensor:
    noise = torch.randn(3, maps, 5, 7, generator=torch.Generator().manual_seed(seed)) * scale
    return noise.bfloat16().contiguous(memory_format=torch.channels_last)


def ours(x: torch.Tensor, gradient: torch.Tensor, window: int, beta: float = BETA) -> tuple[torch.Tensor, torch.Tensor]:
    x = x.clone().requires_grad_()
    out = normalize_across_maps(x, window, ALPHA_PER_SQUARE, beta, K)
    return out.detach(), torch.autograd.grad(out, x, gradient)[0]


@pytest.mark.parametrize("window", [1, 3, 5, 7, 9, 11])
@pytest.mark.parametrize("maps", [32, 64, 96, 256, 40, 33])  # whole vectors, then what the general form must take
@pytest.mark.parametrize("beta", [0.75, 0.5])
def test_equals_torchs_layer_in_double_precision(window: int, maps: int, beta: float) -> None:
    x, gradient = bf16_noise(maps, 1, 40.0), bf16_noise(maps, 2, 1.0)
    out, in_gradient = ours(x, gradient, window, beta)
    exact = x.double().requires_grad_()
    expected = functional.local_response_norm(exact, window, ALPHA_PER_SQUARE * window, beta, K)
    (expected_gradient,) = torch.autograd.grad(expected, exact, gradient.double())
    assert ((out - expected).abs() <= BF16_ROUNDING * expected.abs()).all()
    scale = gradient.double().abs() + expected_gradient.abs()  # the gradient is a difference: its terms round, not it
    assert ((in_gradient - expected_gradient).abs() <= BF16_ROUNDING * scale).all()


@pytest.mark.parametrize("maps", [64, 33])
def test_result_does_not_depend_on_threads(maps: int) -> None:
    x, gradient = bf16_noise(maps, 3, 40.0), bf16_noise(maps, 4, 1.0)
    threads, results = torch.get_num_threads(), []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            results.append(ours(x, gradient, 5))
    finally:
        torch.set_num_threads(threads)
    for out, in_gradient in results[1:]:
        assert torch.equal(out, results[0][0]) and torch.equal(in_gradient, results[0][1])


@pytest.mark.parametrize("maps", [64, 33])
def test_nan_reaches_its_window_and_no_further(maps: int) -> None:
    x, gradient = bf16_noise(maps, 5, 40.0), bf16_noise(maps, 6, 1.0)
    x[1, 9, 2, 3] = float("nan")
    out, in_gradient = ours(x, gradient, 5)
    assert out[1, :, 2, 3].isnan().nonzero().flatten().tolist() == [7, 8, 9, 10, 11]
    assert in_gradient[1, :, 2, 3].isnan().nonzero().flatten().tolist() == [5, 6, 7, 8, 9, 10, 11, 12, 13]
    assert out.isnan().sum() == 5 and in_gradient.isnan().sum() == 9


def test_large_values_stay_finite_and_small_ones_stay_themselves() -> None:
    x = torch.zeros(1, 64, 1, 1, dtype=torch.bfloat16)
    x[0, 3], x[0, 40] = 1e15, 1e-30
    out, _ = ours(x, torch.ones_like(x), 5)
    assert 0 < out[0, 3].item() < 1e15 and out.isfinite().all()
    assert out[0, 40] == x[0, 40]


@pytest.mark.skipif(platform.machine() != "x86_64" or not shutil.which("gcc"), reason="compiles for widths of x86")
@pytest.mark.parametrize("maps", [8, 16, 24, 32, 64])  # of a column: pixels of whole vectors of one width, or of all
def test_the_width_of_a_processors_vectors_does_not_show(maps: int, libraries: list[ctypes.CDLL]) -> None:
    x, gradient = bf16_noise(maps, 7, 40.0), bf16_noise(maps, 8, 1.0)
    results = []
    for library in libraries:
        out, in_gradient = torch.empty_like(x), torch.empty_like(x)
        sizes = [ctypes.c_long(x.numel() // maps), ctypes.c_long(maps), ctypes.c_long(5)]
        factors = [ctypes.c_float(number) for number in (ALPHA_PER_SQUARE, BETA, K)]
        library.across_maps_forward_bf16(*pointers(x, out), *sizes, *factors)
        library.across_maps_backward_bf16(*pointers(x, gradient, in_gradient), *sizes, *factors)
        results.append((out, in_gradient))
    for out, in_gradient in results[1:]:
        assert torch.equal(out, results[0][0]) and torch.equal(in_gradient, results[0][1])


def pointers(*tensors: torch.Tensor) -> list[ctypes.c_void_p]:
    return [ctypes.c_void_p(tensor.data_ptr()) for tensor in tensors]


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> list[ctypes.CDLL]:
    """Return the kernels compiled for vectors of 128 bits, of 256, and of the widest here."""
    loaded = []
    for name, flags in (("narrow", ["-mno-avx512f", "-mno-avx2"]), ("wide", ["-mno-avx512f"]), ("widest", [])):
        path = tmp_path_factory.mktemp("kernels") / f"{name}.so"
        source = Path(kernels.__file__).with_name("kernels.c")
        subprocess.run(["gcc", *kernels._FLAGS, *flags, str(source), "-o", str(path), "-lm"], check=True)
        loaded.append(ctypes.CDLL(str(path)))
    return loaded
