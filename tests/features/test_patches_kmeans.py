"""Patches, whitening, k-means and the triangle activation, against other computations of the same."""

import numpy as np
import pytest
import torch
from feature_support import textured_images
from sklearn.cluster import KMeans

from reproduce.features.kmeans import kmeans, quadrant_sums, squared_distances, triangle_activation
from reproduce.features.patches import all_patches, contrast_normalized, fit_whitening, random_patches


def test_patches_are_the_windows_of_an_image():
    images = textured_images(2).images
    patches = all_patches(images, 6)
    assert patches.shape == (2, 11, 11, 108)
    window = images[1, 3:9, 5:11].permute(2, 0, 1).float()
    assert torch.equal(patches[1, 3, 5].view(3, 6, 6), window)


def test_drawn_patches_come_equally_from_all_images_and_depend_on_the_seed():
    images = textured_images(7)
    drawn = random_patches(images, 70, 6, seed=1)
    windows = all_patches(images.images, 6)
    owners = [(windows == patch).all(-1).flatten(1).any(1).nonzero().flatten().tolist() for patch in drawn]
    assert sorted(owner for found in owners for owner in found) == sorted(list(range(7)) * 10)
    assert torch.equal(drawn, random_patches(images, 70, 6, seed=1))
    assert not torch.equal(drawn, random_patches(images, 70, 6, seed=2))


def test_contrast_is_normalized_as_the_source_prints_it():
    patches = torch.tensor([[0.0, 10.0, 20.0, 30.0], [7.0, 7.0, 7.0, 7.0]])
    expected = (patches[0] - 15) / np.sqrt(np.var(patches[0].numpy(), ddof=1) + 10)
    normalized = contrast_normalized(patches, 10.0)
    assert torch.allclose(normalized[0], expected.float())
    assert torch.equal(normalized[1], torch.zeros(4))  # a flat patch


def test_whitening_without_its_constant_gives_the_identity_as_covariance():
    random = np.random.default_rng(0)
    patches = torch.from_numpy(random.standard_normal((4000, 5)) @ random.standard_normal((5, 5))).float()
    whitened = fit_whitening(patches, 0.0)(patches)
    assert np.allclose(np.cov(whitened.numpy(), rowvar=False), np.eye(5), atol=1e-3)
    damped = fit_whitening(patches, 0.1)
    values = np.linalg.eigvalsh(np.cov(patches.numpy(), rowvar=False))
    assert np.allclose(np.linalg.eigvalsh(damped.matrix.numpy()), np.sort(1 / np.sqrt(values + 0.1)), rtol=1e-3)


def test_kmeans_is_that_of_scikit_learn():
    random = np.random.default_rng(1)
    vectors = torch.from_numpy(random.standard_normal((3000, 4)).astype(np.float32))
    initial = vectors[:8]
    reference = KMeans(8, init=initial.numpy(), n_init=1, max_iter=6, tol=0, algorithm="lloyd").fit(vectors.numpy())
    assert np.allclose(kmeans(vectors, initial, 6).numpy(), reference.cluster_centers_, atol=1e-4)


def test_a_centroid_without_vectors_becomes_zero():
    vectors = torch.tensor([[1.0, 1.0], [1.2, 1.0]])
    centroids = kmeans(vectors, torch.tensor([[1.0, 1.0], [90.0, 90.0]]), 1)
    assert torch.equal(centroids[1], torch.zeros(2))
    assert centroids[0].tolist() == pytest.approx([1.1, 1.0])


def test_the_triangle_activation_follows_its_formula():
    vectors, centroids = torch.randn(5, 3), torch.randn(4, 3)
    distances = torch.cdist(vectors, centroids)
    expected = (distances.mean(1, keepdim=True) - distances).clamp(min=0)
    assert torch.allclose(triangle_activation(vectors, centroids), expected, atol=1e-5)
    assert squared_distances(vectors, vectors).diagonal().min() >= 0


def test_quadrants_share_an_odd_side_with_the_middle_in_the_first_half():
    activations = torch.randn(2, 5, 5, 3)
    top, bottom = activations[:, :3], activations[:, 3:]
    parts = [top[:, :, :3], top[:, :, 3:], bottom[:, :, :3], bottom[:, :, 3:]]
    assert torch.allclose(quadrant_sums(activations), torch.cat([part.sum((1, 2)) for part in parts], 1), atol=1e-5)
