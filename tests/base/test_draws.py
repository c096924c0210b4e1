"""Random numbers that depend on (seed, purpose, step) and on nothing drawn before."""

import subprocess
import sys

import numpy as np
import torch

from reproduce.base import draws


def numbers(*key):
    return draws.generator(*key).random(8).tolist()


def test_same_key_same_numbers_whatever_was_drawn_before():
    first = numbers(3, "crops", 7)
    draws.generator(3, "crops", 6).random(100_000)
    assert numbers(3, "crops", 7) == first


def test_seed_purpose_and_step_each_change_the_numbers():
    keys = [(1, "crops", 0), (2, "crops", 0), (1, "crops", 1), (1, "weights", 0), (0, "crops", 0)]
    assert len({tuple(numbers(*key)) for key in keys}) == len(keys)


def test_the_generator_is_philox_keyed_by_seed_and_checksum_and_placed_at_the_step():
    # zlib.crc32(b"123456789") is the published check value 0xCBF43926
    reference = np.random.Philox(key=np.array([5, 0xCBF43926], dtype=np.uint64))
    reference.advance(9 << 192)  # the step is the counter's highest word, so steps never run into one another
    assert numbers(5, "123456789", 9) == np.random.Generator(reference).random(8).tolist()


def test_another_process_draws_the_same():
    code = "from reproduce.base import draws; print(draws.gaussian(4, 'weights of a', (3,), 0.5).tolist())"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == str(draws.gaussian(4, "weights of a", (3,), 0.5).tolist())


def test_gaussian_has_the_standard_deviation_asked_for():
    values = draws.gaussian(1, "weights", (200, 500), 0.01)
    assert values.dtype == torch.float32 and values.shape == (200, 500)
    # 100,000 draws: the mean's standard error is 3.2e-5, that of the deviation 2.2e-5
    assert abs(values.mean()) < 1.3e-4
    assert abs(values.std() - 0.01) < 1e-4
    assert abs((values.abs() < 0.01).double().mean() - 0.6827) < 0.006
    assert torch.equal(draws.gaussian(1, "weights", (200, 500), 0.02), values * 2)


def test_keep_mask_keeps_the_share_asked_for():
    mask = draws.keep_mask(1, "drop6", 3, (400, 500), 0.8)
    assert mask.dtype == torch.bool and mask.shape == (400, 500)
    assert abs(mask.double().mean() - 0.8) < 0.004  # standard error 0.0009
    assert torch.equal(mask, draws.keep_mask(1, "drop6", 3, (400, 500), 0.8))
    assert not torch.equal(mask, draws.keep_mask(1, "drop6", 4, (400, 500), 0.8))
    assert draws.keep_mask(1, "drop6", 3, (50, 50), 1.0).all()


def test_the_draws_of_a_position_do_not_depend_on_the_batch_size():
    assert torch.equal(draws.keep_mask(1, "d", 0, (8, 10), 0.5)[:4], draws.keep_mask(1, "d", 0, (4, 10), 0.5))
