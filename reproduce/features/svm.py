"""A linear L2-SVM, one against all, on features on disk, which are read once per evaluation for all classes.

The objective is 1/2 |w|^2 + cost * mean over images of max(0, 1 - y w.x)^2, summed over classes, where x ends in a
constant 1. The code released with Coates, Lee & Ng (AISTATS 2011) has the same one; liblinear sums over images, so
its cost is this one divided by the number of images.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import OptimizeResult, minimize
from torch import Tensor

_BYTES_AT_ONCE = 1 << 22  # of float32 features: few enough to stay in the cache for both products
_TOLERANCE_REACHED, _LIMIT_REACHED = 0, 1  # status of scipy's L-BFGS
_VARIANCE_ADDED = 0.01  # released code of Coates, Lee & Ng: features that hardly vary are not blown up


@dataclass(frozen=True)
class Scaling:
    """Standardization of features: mean and deviation, float64 (D,)."""

    mean: np.ndarray
    deviation: np.ndarray


@dataclass(frozen=True)
class Limits:
    """When L-BFGS stops: after ``iterations``, or after ``patience`` small falls of the objective in a row.

    A fall in one iteration is small if it is below ``tolerance`` times the objective. L-BFGS keeps
    ``correction_pairs`` pairs of steps and gradients' changes.
    """

    iterations: int
    tolerance: float
    patience: int = 1
    correction_pairs: int = 10


@dataclass(frozen=True)
class LinearClassifier:
    """Weights of standardized features, float64 (classes, D + 1); the last column holds those of the constant 1.

    Classes come first because products with few rows are about twice as fast that way round.

    ``stopped_by`` says why the fit ended:

    - ``converged``: after ``patience`` small falls in a row, or at a point with no lower one.
    - ``one_small_fall``: the same with a patience of 1, where the objective might still fall further.
    - ``most_iterations``: at the limit of iterations, or at twice that number of evaluations.
    - ``no_lower_point``: L-BFGS found no lower point along its direction.
    """

    weights: np.ndarray
    iterations: int
    stopped_by: str


def _on_raw(weights: np.ndarray, scaling: Scaling | None) -> tuple[Tensor, Tensor]:
    """Return weights (classes, D) and constants (classes, 1), float32, for features as they are stored."""
    weights, constants = weights[:, :-1], weights[:, -1:]
    if scaling is not None:
        weights = weights / scaling.deviation
        constants = constants - (weights @ scaling.mean)[:, None]
    return torch.from_numpy(weights).float().contiguous(), torch.from_numpy(constants).float()


def parts_of(features: np.ndarray, rows: range) -> Iterator[tuple[slice, Tensor]]:
    """Yield the features of ``rows`` part by part as float32, each with its slice of ``rows``."""
    size = max(1, _BYTES_AT_ONCE // (4 * features.shape[1]))
    for start in range(rows.start, rows.stop, size):
        stop = min(start + size, rows.stop)
        yield slice(start - rows.start, stop - rows.start), torch.from_numpy(features[start:stop]).float()


def fit_scaling(features: np.ndarray, rows: range) -> Scaling:
    """Return mean and deviation of each feature over ``rows``; the deviation is the root of the variance plus 0.01."""
    total, squares = np.zeros(features.shape[1]), np.zeros(features.shape[1])
    for _, part in parts_of(features, rows):
        values = part.double()
        total += values.sum(0).numpy()
        squares += values.square().sum(0).numpy()
    mean = total / len(rows)
    variance = np.maximum(squares / len(rows) - mean**2, 0)
    return Scaling(mean, np.sqrt(variance + _VARIANCE_ADDED))


def decision_values(
    classifier: LinearClassifier, features: np.ndarray, rows: range, scaling: Scaling | None
) -> np.ndarray:
    """Return the score of every class for ``rows``, float32 (rows, classes)."""
    weights, constants = _on_raw(classifier.weights, scaling)
    scores = [torch.addmm(constants, weights, part.T) for _, part in parts_of(features, rows)]
    return torch.cat(scores, dim=1).T.contiguous().numpy()


class _Falls:
    """Stops L-BFGS after ``Limits.patience`` iterations in a row that lowered the objective by little."""

    def __init__(self, limits: Limits, advance: Callable[[], None]) -> None:
        self._limits, self._advance = limits, advance
        self._last, self._small = np.inf, 0

    def after_iteration(self, intermediate_result: OptimizeResult) -> None:
        """Raise StopIteration after enough small falls; scipy passes the objective's value for the argument's name."""
        self._advance()
        value = float(intermediate_result.fun)
        is_small = self._last - value < self._limits.tolerance * max(abs(value), 1.0)
        self._small = self._small + 1 if is_small else 0
        self._last = value
        if self.were_small:
            raise StopIteration

    @property
    def were_small(self) -> bool:
        """True after ``patience`` small falls in a row; never at a patience of 1, where L-BFGS has its own rule."""
        return self._limits.patience > 1 and self._small >= self._limits.patience


def fit_svm(
    features: np.ndarray,
    labels: np.ndarray,
    rows: range,
    cost: float,
    scaling: Scaling | None,
    classes: int,
    limits: Limits,
    initial: np.ndarray | None = None,
    advance: Callable[[], None] = lambda: None,
) -> LinearClassifier:
    """Return the classifier of ``rows`` by L-BFGS.

    Args:
        features: float32 or float16 (N, D), on disk or in memory.
        labels: int64 (N,).
        rows: the images that the classifier is fitted to.
        cost: multiplies the mean squared hinge loss.
        scaling: standardization of the features; None takes them as they are.
        classes: number of classes.
        limits: of L-BFGS.
        initial: weights to start from, (classes, D + 1); zero by default.
        advance: called after every iteration; may raise to stop.
    """
    signs = torch.full((classes, len(rows)), -1.0)
    signs[torch.from_numpy(labels[rows.start : rows.stop].astype(np.int64)), torch.arange(len(rows))] = 1.0
    shape = (classes, features.shape[1] + 1)

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(shape)
        raw, constants = _on_raw(weights, scaling)
        loss, slopes = 0.0, np.zeros(shape)
        for place, part in parts_of(features, rows):
            own = signs[:, place]
            margins = (1 - own * torch.addmm(constants, raw, part.T)).clamp_(min=0)
            loss += float(margins.double().square().sum())
            margins.mul_(own)
            slopes[:, :-1] += (margins @ part).numpy()
            slopes[:, -1] += margins.double().sum(1).numpy()
        if scaling is not None:
            slopes[:, :-1] = (slopes[:, :-1] - np.outer(slopes[:, -1], scaling.mean)) / scaling.deviation
        value = 0.5 * float(np.sum(weights**2)) + cost * loss / len(rows)
        return value, (weights - (2 * cost / len(rows)) * slopes).ravel()

    start = np.zeros(shape) if initial is None else initial
    falls = _Falls(limits, advance)
    own_rule = {"ftol": limits.tolerance if limits.patience == 1 else 0.0}
    settings = {"maxiter": limits.iterations, "maxfun": 2 * limits.iterations, "gtol": 0.0, **own_rule}
    settings["maxcor"] = limits.correction_pairs
    found = minimize(
        objective, start.ravel(), jac=True, method="L-BFGS-B", options=settings, callback=falls.after_iteration
    )
    return LinearClassifier(found.x.reshape(shape), int(found.nit), _stopped_by(found, falls, limits))


def _stopped_by(found: OptimizeResult, falls: _Falls, limits: Limits) -> str:
    if falls.were_small:
        return "converged"
    if found.status == _TOLERANCE_REACHED:
        return "one_small_fall" if limits.patience == 1 else "converged"
    return "most_iterations" if found.status == _LIMIT_REACHED else "no_lower_point"
