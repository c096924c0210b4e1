"""Fisher vectors against scikit-image's, and counts of visual words against counting one by one."""

import numpy as np
import pytest
import torch
from skimage.feature import fisher_vector
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

from reproduce.features.fisher import fisher_gradients, fisher_statistics, fisher_vectors, signed_root, unit_length
from reproduce.features.mixture import Mixture, fit_mixture, fit_projection
from reproduce.features.visual_words import word_counts, word_vectors

GAUSSIANS, DIMENSIONS = 4, 6


@pytest.fixture(scope="module")
def model():
    sample = np.random.default_rng(0).standard_normal((2000, DIMENSIONS)) * np.arange(1, DIMENSIONS + 1)
    return GaussianMixture(GAUSSIANS, covariance_type="diag", random_state=0, max_iter=20).fit(sample)


@pytest.fixture(scope="module")
def mixture(model):
    return Mixture(*(torch.from_numpy(part).float() for part in (model.weights_, model.means_, model.covariances_)))


@pytest.fixture(scope="module")
def descriptors():
    return torch.from_numpy(np.random.default_rng(1).standard_normal((3, 40, DIMENSIONS)) * 3).float()


def test_shares_are_the_posteriors_of_scikit_learn(model, mixture, descriptors):
    flat = descriptors.flatten(0, 1)
    assert np.allclose(mixture.posteriors(flat).numpy(), model.predict_proba(flat.numpy()), atol=1e-5)


def reference(model, descriptors, improved):
    """Return scikit-image's vector without its gradients by the shares, its deviations' sign turned (it is negated)."""
    whole = fisher_vector(descriptors.numpy().astype(np.float64), model, improved=False)[GAUSSIANS:]
    whole = np.concatenate([whole[: GAUSSIANS * DIMENSIONS], -whole[GAUSSIANS * DIMENSIONS :]])
    if improved:
        whole = np.sign(whole) * np.sqrt(np.abs(whole))
        whole /= np.linalg.norm(whole)
    return whole


@pytest.mark.parametrize("improved", [False, True])
def test_vectors_are_those_of_scikit_image(model, mixture, descriptors, improved):
    statistics = fisher_statistics(descriptors, mixture, torch.zeros(40, dtype=torch.int64))
    found = fisher_gradients(*statistics, torch.tensor(40), mixture)[:, 0]
    if improved:
        found = unit_length(signed_root(found))
    for image in range(3):
        wanted = reference(model, descriptors[image], improved)
        assert np.allclose(found[image].numpy(), wanted, atol=2e-5 * np.abs(wanted).max() + 1e-6)


def test_regions_are_vectors_of_their_own_behind_the_whole(model, mixture, descriptors):
    regions = torch.arange(40) % 4
    found = fisher_vectors(descriptors, mixture, regions).view(3, 5, -1)
    assert np.allclose(found[2, 0].numpy(), reference(model, descriptors[2], improved=True), atol=1e-4)
    for region in range(4):
        own = descriptors[2][regions == region]
        assert np.allclose(found[2, 1 + region].numpy(), reference(model, own, improved=True), atol=1e-4)


def test_words_are_counted_in_the_whole_and_in_each_region(descriptors):
    words, regions = torch.randn(5, DIMENSIONS), torch.arange(40) % 4
    counts = word_counts(descriptors, words, regions)
    nearest = torch.cdist(descriptors, words).argmin(2)
    for image in range(3):
        for region in range(4):
            expected = torch.bincount(nearest[image][regions == region], minlength=5)
            assert counts[image, region].tolist() == expected.tolist()
    vectors = word_vectors(descriptors, words, regions).view(3, 5, 5)
    assert torch.allclose(vectors[:, 0], unit_length(counts.sum(1).sqrt()))
    assert torch.allclose(vectors.norm(dim=2), torch.ones(3, 5))


def test_a_region_without_descriptors_is_zero(mixture, descriptors):
    regions = torch.full((40,), 3)
    found = fisher_vectors(descriptors, mixture, regions).view(3, 5, -1)
    assert found[:, 1:4].abs().max() == 0 and found[:, 4].norm(dim=1).allclose(torch.ones(3))


def test_components_are_those_of_scikit_learn():
    sample = torch.from_numpy(np.random.default_rng(2).standard_normal((500, 7)) * np.arange(1, 8)).float()
    found, pca = fit_projection(sample, 3)(sample), PCA(3, svd_solver="full").fit(sample.numpy())
    assert np.allclose(np.abs(found.numpy()), np.abs(pca.transform(sample.numpy())), atol=1e-2)


def test_a_mixture_is_a_function_of_its_seed():
    sample = torch.randn(300, 3)
    first, again, other = (fit_mixture(sample, 4, 5, seed) for seed in (1, 1, 2))
    assert torch.equal(first.means, again.means) and not torch.equal(first.means, other.means)
    assert float(first.shares.sum()) == pytest.approx(1)
