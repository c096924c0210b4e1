"""Convolutions of single maps: outputs and gradients against torch in double precision, whatever window and stride."""

import pytest
import torch
from torch.nn import functional

from reproduce.models import kernels
from reproduce.models.depthwise import convolve_maps

# images, maps, height, width, window, stride, padding, overhang
SHAPES = [
    (3, 32, 8, 8, 3, 1, 1, 0),
    (2, 48, 16, 16, 5, 1, 2, 0),
    (2, 16, 32, 32, 7, 1, 3, 0),
    (2, 32, 32, 32, 3, 2, 0, 1),
    (3, 20, 16, 16, 5, 2, 1, 1),
    (2, 64, 8, 8, 7, 2, 2, 1),
    (1, 5, 9, 7, 3, 1, 1, 0),
    (1, 33, 13, 11, 5, 2, 2, 0),
    (2, 17, 7, 9, 7, 1, 0, 0),
    (2, 3, 3, 3, 7, 1, 3, 0),
    (2, 3, 2, 2, 5, 2, 2, 1),
    (1, 1, 1, 1, 3, 1, 1, 0),
    (1, 2, 64, 64, 7, 2, 6, 1),
    (1, 2, 64, 63, 7, 1, 6, 0),
    (2, 4, 10, 10, 3, 2, 0, 0),  # the last row and column are in no window
    (2, 4, 66, 66, 5, 1, 2, 0),  # from here on torch does the work
    (2, 4, 8, 8, 4, 1, 1, 0),
    (2, 4, 9, 9, 3, 3, 1, 0),
]
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])


def inputs(shape, dtype):
    images, maps, height, width, window, *_ = shape
    random = torch.Generator().manual_seed(1)
    x = torch.randn(images, maps, height, width, generator=random).to(dtype)
    return x, torch.randn(maps, 1, window, window, generator=random).to(dtype)


def exact(x, weight, direction, shape, rectified):
    """Return output and gradients in double precision, and the sums of their terms' sizes, which bound the rounding."""
    *_, stride, padding, overhang = shape

    def convolved(x, weight):
        x = functional.pad(x.clamp(min=0) if rectified else x, (0, overhang, 0, overhang))
        return functional.conv2d(x, weight, None, stride, padding, 1, len(weight))

    found = []
    for values in ((x, weight, direction), (x.abs(), weight.abs(), direction.abs())):
        x, weight, direction = (value.double().requires_grad_() for value in values)
        out = convolved(x, weight)
        found.append((out.detach(), *torch.autograd.grad(out, (x, weight), direction)))
    return zip(*found, strict=True)


@DTYPES
@pytest.mark.parametrize("rectified", [False, True], ids=["as_it_is", "rectified"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.usefixtures("one_thread")
def test_outputs_and_gradients_are_those_of_double_precision(implementation, shape, dtype, rectified):
    x, weight = inputs(shape, dtype)
    leaves = [x.clone().requires_grad_(), weight.clone().requires_grad_()]
    out = convolve_maps(*leaves, *shape[5:], rectified)
    direction = torch.randn(out.shape, generator=torch.Generator().manual_seed(2)).to(dtype)
    found = out.detach(), *torch.autograd.grad(out, leaves, direction)
    # float32 rounds by 6e-8 at every one of up to 1,000 additions, bf16 once by 2 ** -9
    share = 1e-5 if dtype == torch.float32 else 2**-8
    for ours, (expected, size) in zip(found, exact(x, weight, direction, shape, rectified), strict=True):
        assert ours.dtype == dtype and ours.shape == expected.shape
        bound = 1e-6 * size + share * (expected.abs() if implementation == "kernels" else size)
        assert ((ours - expected).abs() <= bound).all()


@DTYPES
@pytest.mark.parametrize("shape", SHAPES[:10], ids=str)
def test_neither_threads_nor_the_memory_format_change_a_bit(shape, dtype):
    x, weight = inputs(shape, dtype)
    threads, results = torch.get_num_threads(), []
    try:
        for count, laid_out in ((1, x), (2, x), (3, kernels.channels_last(x))):
            torch.set_num_threads(count)
            leaves = [laid_out.clone().requires_grad_(), weight.clone().requires_grad_()]
            out = convolve_maps(*leaves, *shape[5:], rectified=True)
            results.append((out.detach(), *torch.autograd.grad(out.square().sum(), leaves)))
    finally:
        torch.set_num_threads(threads)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


@pytest.mark.parametrize("tap", range(9))
def test_each_tap_sees_its_own_pixel_and_no_other(implementation, tap):
    x = torch.arange(1.0, 26.0).view(1, 1, 5, 5)
    weight = torch.zeros(1, 1, 3, 3)
    weight.view(-1)[tap] = 2.0
    padded = functional.pad(x, (1, 1, 1, 1))
    row, column = divmod(tap, 3)
    assert torch.equal(convolve_maps(x, weight, 1, 1), 2 * padded[:, :, row : row + 5, column : column + 5])


def test_a_nan_passes_the_relu_and_reaches_its_windows_alone(implementation):
    x = torch.ones(1, 17, 6, 6)
    x[0, 16, 2, 2] = float("nan")
    out = convolve_maps(x, torch.ones(17, 1, 3, 3), 1, 1, rectified=True)
    assert out.isnan().nonzero()[:, 1:].tolist() == [[16, y, x] for y in (1, 2, 3) for x in (1, 2, 3)]


@pytest.mark.parametrize(
    ("sides", "weight", "dtype"),
    [
        ((2, 2), (2, 1, 3, 3), torch.float32),  # no window fits
        ((3, 1), (2, 1, 3, 3), torch.float32),  # rows of windows, and none in a row
        ((5, 5), (2, 1, 3, 3), torch.bfloat16),  # weights in another precision than the pixels
        ((5, 5), (1, 1, 3, 3), torch.float32),  # fewer windows than maps
        ((5, 5), (2, 2, 3, 3), torch.float32),
    ],
    ids=str,
)
def test_what_torch_refuses_is_refused(implementation, sides, weight, dtype):
    with pytest.raises(RuntimeError):
        convolve_maps(torch.ones(1, 2, *sides), torch.ones(weight, dtype=dtype), 2, 0)


def test_working_space_is_float32_whatever_torchs_default(implementation, default_bf16):
    x, weight = inputs((4, 1024, 6, 6, 3), torch.float32)
    leaves = [x.requires_grad_(), weight.requires_grad_()]
    direction = torch.ones_like(x)
    found = torch.autograd.grad(convolve_maps(*leaves, 1, 1), leaves, direction)
    for ours, (expected, size) in zip(found, list(exact(x, weight, direction, (1, 1, 0), False))[1:], strict=True):
        assert ((ours - expected).abs() <= 1e-4 * size).all()
