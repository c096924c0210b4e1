"""The linear SVM against scikit-learn's, and against itself read part by part."""

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from reproduce.base.errors import InterruptedRunError
from reproduce.features import svm
from reproduce.features.svm import Limits, decision_values, fit_scaling, fit_svm

CLASSES, ENOUGH = 3, Limits(2_000, 1e-10)


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(0)
    labels = random.integers(0, CLASSES, size=300)
    features = random.standard_normal((300, 12)) * 3 + 5
    features[:, :CLASSES] += 2 * np.eye(CLASSES)[labels]
    return features.astype(np.float32), labels


def objective(weights, features, labels, cost):
    """Return the objective for weights (classes, D + 1), written out."""
    scores = features @ weights[:, :-1].T + weights[:, -1]
    signs = np.where(np.arange(CLASSES) == labels[:, None], 1, -1)
    return 0.5 * (weights**2).sum() + cost * (np.maximum(0, 1 - signs * scores) ** 2).sum(1).mean()


@pytest.mark.parametrize("cost", [3.0, 300.0])
def test_weights_are_those_of_scikit_learn(data, cost):
    features, labels = data
    found = fit_svm(features, labels, range(300), cost, None, CLASSES, ENOUGH).weights
    reference = LinearSVC(C=cost / 300, dual=False, tol=1e-10, max_iter=10_000).fit(features, labels)
    wanted = np.hstack([reference.coef_, reference.intercept_[:, None]])
    assert np.allclose(found, wanted, atol=1e-2)  # the constant hardly counts in the objective
    best = objective(wanted, features, labels, cost)
    assert objective(found, features, labels, cost) == pytest.approx(best, rel=1e-6)


def test_standardized_features_give_what_scaling_them_first_gives(data):
    features, labels = data
    scaling = fit_scaling(features, range(200))
    found = fit_svm(features, labels, range(200), 100.0, scaling, CLASSES, ENOUGH)
    scaler = StandardScaler().fit(features[:200])
    scaler.scale_ = np.sqrt(scaler.var_ + 0.01)
    scaled = scaler.transform(features)
    reference = LinearSVC(C=0.5, dual=False, tol=1e-10, max_iter=10_000).fit(scaled[:200], labels[:200])
    assert np.allclose(found.weights[:, :-1], reference.coef_, atol=2e-3)
    scores = decision_values(found, features, range(200, 300), scaling)
    assert np.allclose(scores, reference.decision_function(scaled[200:]), atol=5e-3)


def test_the_parts_that_are_read_at_once_do_not_matter(data, monkeypatch, tmp_path):
    features, labels = data
    whole = fit_svm(features, labels, range(50, 300), 10.0, None, CLASSES, ENOUGH)
    stored = np.memmap(tmp_path / "features", "float16", "w+", shape=features.shape)
    stored[:] = features
    monkeypatch.setattr(svm, "_BYTES_AT_ONCE", 7 * 12 * 4)
    parts = fit_svm(stored, labels, range(50, 300), 10.0, None, CLASSES, ENOUGH)
    assert np.allclose(parts.weights, whole.weights, atol=5e-3)  # float16 keeps three digits
    scores = decision_values(parts, stored, range(100, 120), None)
    assert np.allclose(scores, features[100:120] @ parts.weights[:, :-1].T + parts.weights[:, -1], atol=2e-2)


def test_a_start_near_the_end_is_soon_there(data):
    features, labels = data
    found = fit_svm(features, labels, range(300), 10.0, None, CLASSES, ENOUGH)
    again = fit_svm(features, labels, range(300), 10.0, None, CLASSES, Limits(2_000, 1e-6), found.weights)
    assert again.iterations <= 2 < found.iterations


def test_a_fit_can_be_stopped_between_rounds(data):
    features, labels = data
    rounds = []

    def advance():
        rounds.append(1)
        if len(rounds) == 3:
            raise InterruptedRunError("stopped")

    with pytest.raises(InterruptedRunError):
        fit_svm(features, labels, range(300), 10.0, None, CLASSES, ENOUGH, advance=advance)
    assert len(rounds) == 3


def test_a_patient_fit_goes_on_after_a_short_first_step(data):
    """The first steps from another cost's weights are short, and their small falls are no sign of the end."""
    features, labels = data
    scaling = fit_scaling(features, range(300))
    standardized = (features - scaling.mean) / scaling.deviation
    start = fit_svm(features, labels, range(300), 1.0, scaling, CLASSES, ENOUGH).weights

    def fitted(limits):
        weights = fit_svm(features, labels, range(300), 3.0, scaling, CLASSES, limits, start).weights
        return objective(weights, standardized, labels, 3.0)

    best = fitted(ENOUGH)
    assert fitted(Limits(500, 1e-2, patience=1)) > best * (1 + 1e-5)
    assert fitted(Limits(500, 1e-2, patience=10)) == pytest.approx(best, rel=1e-6)


def test_a_fit_says_why_it_ended(data):
    features, labels = data

    def ended(limits, cost=10.0):
        return fit_svm(features, labels, range(300), cost, None, CLASSES, limits).stopped_by

    assert ended(Limits(2_000, 1e-6)) == "one_small_fall"
    assert ended(Limits(2_000, 1e-6, patience=10)) == "converged"
    assert ended(Limits(5, 1e-6)) == ended(Limits(5, 1e-6, patience=10)) == "most_iterations"


def test_a_fit_without_a_lower_point_says_so(data, monkeypatch):
    features, labels = data
    minimize = svm.minimize

    def against_its_gradient(objective, *arguments, **settings):
        def uphill(flat):
            value, slopes = objective(flat)
            return value, -slopes

        return minimize(uphill, *arguments, **settings)

    monkeypatch.setattr(svm, "minimize", against_its_gradient)
    assert fit_svm(features, labels, range(300), 10.0, None, CLASSES, ENOUGH).stopped_by == "no_lower_point"
