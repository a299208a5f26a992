"""bedside's estimators keep scikit-learn's whole contract and work where scikit-learn's own do."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from bedside import MLPClassifier, MLPRegressor, SettingError, TrainingError


@parametrize_with_checks([MLPClassifier(hidden=(16,), random_state=0), MLPRegressor(hidden=(16,), random_state=0)])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def cancer():
    x, y = load_breast_cancer(return_X_y=True)
    return x, np.array(["malignant", "benign"])[y]


def test_cross_validated_auroc_matches_logistic_regression(cancer):
    network, logistic = (
        cross_val_score(make_pipeline(StandardScaler(), model), *cancer, cv=5, scoring="roc_auc").mean()
        for model in (MLPClassifier(hidden=(32,), epochs=15, random_state=0), LogisticRegression(max_iter=1000))
    )
    assert network > 0.985
    assert abs(network - logistic) < 0.01


def test_grid_search_finds_that_a_learning_rate_of_nearly_zero_learns_nothing(cancer):
    pipeline = make_pipeline(StandardScaler(), MLPClassifier(hidden=(8,), epochs=5, random_state=0))
    search = GridSearchCV(pipeline, {"mlpclassifier__learning_rate": [1e-7, 1e-2]}, cv=3, scoring="neg_log_loss")
    assert search.fit(*cancer).best_params_ == {"mlpclassifier__learning_rate": 1e-2}


def test_regressor_explains_what_ridge_explains():
    x, y = load_diabetes(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), MLPRegressor(hidden=(16,), epochs=10, random_state=0))
    assert cross_val_score(pipeline, x, y, cv=5).mean() > 0.4


def test_same_random_state_same_weights_and_the_callers_seed_is_left_alone(cancer):
    import torch

    x, y = StandardScaler().fit_transform(cancer[0]), cancer[1]
    torch.manual_seed(5)
    before = torch.rand(3)
    torch.manual_seed(5)
    first, second = (MLPClassifier(hidden=(8,), epochs=2, dropout=0.5, random_state=3).fit(x, y) for _ in range(2))
    assert torch.equal(torch.rand(3), before)
    assert np.array_equal(first.predict_proba(x), second.predict_proba(x))
    other = MLPClassifier(hidden=(8,), epochs=2, dropout=0.5, random_state=4).fit(x, y)
    assert not np.array_equal(first.predict_proba(x), other.predict_proba(x))


def test_early_stopping_sets_whole_groups_aside_and_keeps_the_best_epoch(cancer):
    x, y = StandardScaler().fit_transform(cancer[0]), cancer[1]
    model = MLPClassifier(hidden=(64,), epochs=200, learning_rate=0.02, early_stopping=True, patience=3, random_state=0)
    model.fit(x, y, groups=np.arange(len(y)) // 2)
    losses = [record["valid_loss"] for record in model.history_]
    assert model.n_iter_ < 200
    assert np.argmin(losses) == len(losses) - 1 - 3


def test_threads_may_predict_with_one_network_at_once(cancer):
    from concurrent.futures import ThreadPoolExecutor

    x, y = StandardScaler().fit_transform(cancer[0]), cancer[1]
    model = MLPClassifier(hidden=(8,), epochs=2, random_state=0).fit(x, y)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: model.predict_proba(x), range(40)))
    assert all(np.array_equal(scores, found[0]) for scores in found)


def test_a_network_that_broke_is_an_error_not_a_prediction(cancer):
    x, y = StandardScaler().fit_transform(cancer[0]), cancer[1]
    wild = {"learning_rate": 100.0, "optimizer": "sgd", "clip_norm": None, "schedule": "constant"}
    with pytest.raises(TrainingError, match=r"Lower train\.learning_rate"):
        MLPClassifier(hidden=(64, 64), epochs=20, random_state=0, **wild).fit(x, y)


def test_a_parameter_out_of_range_names_itself(cancer):
    with pytest.raises(SettingError, match=r"dropout.*less than 1, not 1.5"):
        MLPClassifier(dropout=1.5).fit(*cancer)
    with pytest.raises(SettingError, match=r"optimizer.*'adam', 'adamw' or 'sgd', not 'adagrad'"):
        MLPClassifier(optimizer="adagrad").fit(*cancer)
