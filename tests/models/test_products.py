"""Products in bf16 on processors without such instructions: the same rounding as a bf16 product, by float32."""

import pytest
import torch
from torch.nn import functional

from reproduce.models import products
from reproduce.models.network import Network, StepDraw
from reproduce.models.products import batched_linear, product
from reproduce.models.spec import load_spec

pytestmark = pytest.mark.usefixtures("one_thread")

CASES = {
    "convolution": (functional.conv2d, (2, 6, 7, 7), (4, 3, 3, 3), (4,), (1, 1, 1, 2)),
    "fully connected": (functional.linear, (5, 30), (8, 30), (8,), ()),
    "a product a place": (batched_linear, (3, 5, 20), (3, 20, 4), (3, 1, 4), ()),
}


@pytest.fixture
def widening(monkeypatch):
    monkeypatch.setattr(products, "_cpu_lacks_bf16", lambda: True)


def operands(shapes, dtype):
    generator = torch.Generator().manual_seed(4)
    return [torch.randn(shape, generator=generator).to(dtype).requires_grad_() for shape in shapes]


@pytest.mark.parametrize("case", CASES)
def test_a_widened_product_is_the_exact_one_rounded_once(case, widening):
    function, *shapes, settings = CASES[case]
    low = operands(shapes, torch.bfloat16)
    out = product(function, *low, *settings)
    assert out.dtype == torch.bfloat16
    exact_operands = [x.detach().double().requires_grad_() for x in low]
    exact = function(*exact_operands, *settings)
    # Rounding to 8 bits moves by at most one part in 256; a few results next to a border may fall on its other side.
    torch.testing.assert_close(out.double(), exact, rtol=2**-8, atol=1e-5)
    assert (out == exact.bfloat16()).float().mean() > 0.98
    out.backward(torch.ones_like(out))
    exact.backward(torch.ones_like(exact))
    for got, expected in zip(low, exact_operands, strict=True):
        assert got.grad.dtype == torch.bfloat16
        torch.testing.assert_close(got.grad.double(), expected.grad, rtol=2**-8, atol=1e-5)


@pytest.mark.parametrize(
    ("lacks_bf16", "given", "multiplied"),
    [
        (True, torch.bfloat16, torch.float32),
        (False, torch.bfloat16, torch.bfloat16),
        (True, torch.float32, torch.float32),
    ],
)
def test_what_is_multiplied_on_which_processor(lacks_bf16, given, multiplied, monkeypatch):
    monkeypatch.setattr(products, "_cpu_lacks_bf16", lambda: lacks_bf16)
    seen = []

    def function(x, weight, bias):
        seen.append((x.dtype, weight.dtype, bias.dtype))
        return functional.linear(x, weight, bias)

    assert product(function, *operands([(2, 3), (4, 3), (4,)], given)).dtype == given
    assert seen == [(multiplied,) * 3]


@pytest.mark.parametrize("name", ["alexnet_small", "conv_local_13pct"])
def test_a_widened_step_differs_from_the_machines_own_bf16_by_rounding(name, monkeypatch):
    spec = load_spec(name)
    images = (
        torch.randn(4, 3, *[spec.input.size] * 2, generator=torch.Generator().manual_seed(5))
        .to(memory_format=torch.channels_last)
        .bfloat16()
    )
    results = {}
    for widened in (True, False):
        monkeypatch.setattr(products, "_cpu_lacks_bf16", lambda widened=widened: widened)
        network = Network(spec, seed=1)
        logits = network(images, StepDraw(1, 0))
        functional.cross_entropy(logits, torch.arange(4)).backward()
        results[widened] = logits.detach(), torch.cat([p.grad.flatten() for p in network.parameters()])
    for ours, own in zip(results[True], results[False], strict=True):
        assert (ours - own).norm() < 0.03 * own.norm()
