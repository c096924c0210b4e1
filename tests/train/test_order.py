"""The images each update sees: files in order, short last batches, or one shuffled order per epoch."""

import pytest
import torch

from reproduce.train.order import batches_of_epoch, shortest_batch, updates_per_epoch


def epoch(files, images_per_file=10_000, batch_size=128, order="files", seed=1, epoch=0):
    return list(batches_of_epoch(files, images_per_file, batch_size, order, seed, epoch))


def test_a_file_of_ten_thousand_is_78_batches_of_128_and_one_of_16():
    batches = epoch([1, 2, 3, 4, 5])
    assert len(batches) == 395 == updates_per_epoch([1, 2, 3, 4, 5], 10_000, 128, "files")
    assert [len(rows) for _, rows in batches] == ([128] * 78 + [16]) * 5
    assert [file for file, _ in batches] == [1] * 79 + [2] * 79 + [3] * 79 + [4] * 79 + [5] * 79


def test_files_are_read_as_they_lie_every_epoch_alike():
    for number in (0, 7):
        rows = torch.cat([rows for _, rows in epoch([1, 2, 3, 4], epoch=number)])
        assert torch.equal(rows, torch.arange(40_000))


def test_files_come_in_the_order_asked_for():
    batches = epoch([5, 2], images_per_file=5, batch_size=3)
    assert [(file, rows.tolist()) for file, rows in batches] == [
        (5, [20, 21, 22]),
        (5, [23, 24]),
        (2, [5, 6, 7]),
        (2, [8, 9]),
    ]


def test_reshuffling_draws_a_new_order_of_the_same_images_each_epoch():
    first, second = (epoch([1, 3], 50, 20, "reshuffled", epoch=number) for number in (0, 1))
    orders = [torch.cat([rows for _, rows in batches]) for batches in (first, second)]
    assert not torch.equal(*orders)
    for order in orders:
        assert order.sort().values.tolist() == [*range(50), *range(100, 150)]
    assert [len(rows) for _, rows in first] == [20, 20, 10, 20, 20, 10]
    assert any(int(row) >= 100 for row in first[0][1]) and any(int(row) < 50 for row in first[-1][1])


def test_the_shuffled_order_is_a_function_of_seed_and_epoch():
    def order(seed, number):
        return torch.cat([rows for _, rows in epoch([1], 100, 16, "reshuffled", seed, number)]).tolist()

    assert order(1, 3) == order(1, 3)
    assert order(1, 3) != order(2, 3)


@pytest.mark.parametrize(("images", "batch", "expected"), [(10_000, 128, 79), (10_000, 100, 100), (6, 4, 2), (4, 8, 1)])
def test_updates_of_an_epoch(images, batch, expected):
    assert updates_per_epoch([1], images, batch, "files") == expected == len(epoch([1], images, batch))


def test_pooled_images_are_cut_as_one_and_permuted_as_reshuffled_ones():
    batches = epoch([1, 2, 3, 4, 5], order="pooled")
    assert [len(rows) for _, rows in batches] == [128] * 390 + [80]
    assert updates_per_epoch([1, 2, 3, 4, 5], 10_000, 128, "pooled") == 391
    pooled, reshuffled = (
        torch.cat([rows for _, rows in epoch([1, 3], 50, 20, order, epoch=2)]) for order in ("pooled", "reshuffled")
    )
    assert torch.equal(pooled, reshuffled)
    assert [file for file, _ in epoch([1, 3], 50, 20, "pooled")] == [1, 1, 1, 3, 3]


@pytest.mark.parametrize(
    ("files", "images", "order", "fewest"),
    [
        ([1, 2], 10_000, "files", 16),
        ([1, 2], 10_000, "pooled", 32),
        ([1], 100, "reshuffled", 100),
        ([1], 256, "files", 128),
    ],
)
def test_the_shortest_batch_is_that_of_an_epoch(files, images, order, fewest):
    assert shortest_batch(files, images, 128, order) == fewest
    assert min(len(rows) for _, rows in epoch(files, images, order=order)) == fewest
