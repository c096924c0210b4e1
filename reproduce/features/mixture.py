"""Principal components and a mixture of Gaussians of sampled descriptors, both fitted by scikit-learn."""

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Projection:
    """Principal components: mean float32 (D,), components float32 (D, d), largest variance first."""

    mean: Tensor
    components: Tensor

    def __call__(self, descriptors: Tensor) -> Tensor:
        """Return the components (..., d) of descriptors (..., D)."""
        return (descriptors - self.mean) @ self.components


@dataclass(frozen=True)
class Mixture:
    """Gaussians with diagonal covariance: shares float32 (K,), means and variances float32 (K, d)."""

    shares: Tensor
    means: Tensor
    variances: Tensor

    def posteriors(self, descriptors: Tensor) -> Tensor:
        """Return the probability of each Gaussian given each descriptor (N, d), float32 (N, K); rows sum to 1."""
        precisions = 1 / self.variances
        constants = self.shares.log() - 0.5 * (self.variances.log() + self.means.square() * precisions).sum(1)
        logs = torch.addmm(constants, descriptors, (self.means * precisions).T)
        return logs.addmm_(descriptors.square(), precisions.T, alpha=-0.5).softmax(dim=1)


def fit_projection(descriptors: Tensor, dimensions: int) -> Projection:
    """Return the first ``dimensions`` principal components of descriptors (N, D)."""
    from sklearn.decomposition import PCA

    pca = PCA(dimensions, svd_solver="covariance_eigh")
    pca.fit(descriptors.numpy())
    return Projection(torch.from_numpy(pca.mean_).float(), torch.from_numpy(pca.components_.T.copy()).float())


def fit_mixture(descriptors: Tensor, gaussians: int, iterations: int, seed: int) -> Mixture:
    """Return a mixture fitted to descriptors (N, d) by expectation maximization from a k-means start."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    model = GaussianMixture(gaussians, covariance_type="diag", max_iter=iterations, random_state=seed)
    with warnings.catch_warnings():
        # The number of rounds is the most that the variant allows, so a fit that has not converged is no fault.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(descriptors.numpy().astype(np.float64))
    parts = (model.weights_, model.means_, model.covariances_)
    return Mixture(*(torch.from_numpy(part).float() for part in parts))
