"""How many patients a prediction model needs: to be developed, and to be judged with an interval of a given width.

Closed forms, so that the same question has the same answer. They are for regressions with a fixed number of parameters;
networks need more (van der Ploeg et al. 2014, doi:10.1186/1471-2288-14-137, at least ten times as many events for each
variable before their performance was stable).

Sources:
    Riley et al. 2019, doi:10.1002/sim.7992 (development, two classes) and doi:10.1002/sim.7993 (development, numbers); Riley
    et al. 2021, doi:10.1002/sim.8806 (from an AUROC to R2); Pate et al. 2023, doi:10.1177/09622802231151220 (several
    classes); Riley et al. 2021, doi:10.1002/sim.9025 (validation, two classes); Archer et al. 2021, doi:10.1002/sim.8766
    (validation, numbers).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from scipy.stats import chi2, norm
from scipy.stats import t as student

from bedside.errors import SettingError
from bedside.logistic import SMALLEST

SHRINKAGE = 0.9  # the calibration slope that is expected in new patients
OPTIMISM = 0.05  # of R2, at most
MARGIN = 0.05  # of the overall risk
RATIO = 1.1  # of the upper limit of a standard deviation, or of a mean, to its estimate
_Z = float(norm.ppf(0.975))
_MOST = 100_000_000  # patients; no search goes on for more


@dataclass(frozen=True)
class Need:
    """Patients that one criterion asks for, in words; `events` of them with the condition, or of the rarest class."""

    criterion: str
    patients: int
    events: int | None = None

    def to_dict(self) -> dict[str, Any]:
        return dict(self.__dict__)


# Development


def cox_snell(auroc: float, prevalence: float) -> float:
    """R2 of Cox and Snell that goes with an AUROC, if the linear predictor is normal among those with and without.

    Where both have the same variance the logistic model holds exactly, so the expected likelihood is an integral; Riley et al.
    simulate it.

    Raises:
        SettingError: if `auroc` is not above 0.5 and below 1, or `prevalence` not between 0 and 1.
    """
    check(prevalence, auroc)
    distance = np.sqrt(2) * norm.ppf(auroc)  # between the means, in standard deviations
    z, weight = _normal_points()
    odds = np.log(prevalence / (1 - prevalence)) - distance**2 / 2
    sick, well = odds + distance * (z + distance), odds + distance * z
    found = -prevalence * (weight @ np.logaddexp(0, -sick)) - (1 - prevalence) * (weight @ np.logaddexp(0, well))
    return float(1 - np.exp(-2 * (found - _null_likelihood(prevalence))))


def largest_r2(prevalence: float) -> float:
    """R2 of Cox and Snell of perfect predictions, which is below 1."""
    return float(1 - np.exp(2 * _null_likelihood(prevalence)))


def _null_likelihood(prevalence: float) -> float:
    """Log likelihood of one patient if everybody is given the prevalence."""
    return float(prevalence * np.log(prevalence) + (1 - prevalence) * np.log(1 - prevalence))


def _for_shrinkage(parameters: float, r2: float, shrinkage: float) -> float:
    return float(parameters / ((shrinkage - 1) * np.log(1 - r2 / shrinkage)))


def develop_binary(parameters: int, prevalence: float, r2: float, *, shrinkage: float = SHRINKAGE) -> list[Need]:
    """Patients to develop a logistic regression, by criterion; the largest counts.

    Args:
        parameters: candidate parameters: 1 for a number, one less than its levels for a category.
        prevalence: share of patients with the condition.
        r2: anticipated R2 of Cox and Snell, see `cox_snell`.
        shrinkage: expected calibration slope in new patients.

    Raises:
        SettingError: if a number is out of range.
    """
    _within("prevalence", prevalence, 0, 1)
    most = largest_r2(prevalence)
    _within("r2 of Cox and Snell", r2, 0, min(most, shrinkage))
    _parameters(parameters)
    gentle = r2 / (r2 + OPTIMISM * most)
    sizes = {
        f"calibration slope of at least {shrinkage:g} in new patients": _for_shrinkage(parameters, r2, shrinkage),
        f"optimism of Nagelkerke's R² of at most {OPTIMISM:g}": _for_shrinkage(parameters, r2, gentle),
        f"overall risk known to ± {MARGIN:g}": (_Z / MARGIN) ** 2 * prevalence * (1 - prevalence),
    }
    return [_need(name, size, prevalence) for name, size in sizes.items()]


def develop_regression(
    parameters: int, r2: float, *, mean: float | None = None, sd: float | None = None, shrinkage: float = SHRINKAGE
) -> list[Need]:
    """Patients to develop a linear regression; `mean` and `sd` of the target add the criterion of a precise mean.

    Raises:
        SettingError: if a number is out of range.
    """
    _within("r2", r2, 0, 1)
    _parameters(parameters)
    found = [
        Need(
            f"calibration slope of at least {shrinkage:g} in new patients", _linear_shrinkage(parameters, r2, shrinkage)
        ),
        _need(f"optimism of R² of at most {OPTIMISM:g}", 1 + parameters * (1 - r2) / OPTIMISM),
        Need("standard deviation of the errors known to 10 %", _degrees_for_sd() + parameters + 1),
    ]
    if mean is not None and sd is not None:
        if mean == 0 or sd <= 0:
            raise SettingError(
                f"mean={mean:g} and sd={sd:g}: the mean must not be 0 and the standard deviation must be positive."
            )
        found.append(Need("mean of the target known to 10 %", _mean_known(parameters, r2, abs(mean), sd)))
    return found


def _linear_shrinkage(parameters: int, r2: float, shrinkage: float) -> int:
    """The first number of patients with the shrinkage of Copas; it grows with the number, so halving finds it."""

    def enough(n: int) -> bool:
        apparent = (r2 * (n - parameters - 1) + parameters) / (n - 1)
        return bool(apparent < 1 and 1 + (parameters - 2) / (n * np.log(1 - apparent)) >= shrinkage)

    return _first(enough, parameters + 2)


def _degrees_for_sd() -> int:
    """Degrees of freedom that know a standard deviation to 10 %: 233."""

    def enough(n: int) -> bool:
        low, high = chi2.ppf([0.025, 0.975], n)
        return bool(np.sqrt(max(high / n, n / low)) <= RATIO)

    return _first(enough, 2)


def _mean_known(parameters: int, r2: float, mean: float, sd: float) -> int:
    def enough(n: int) -> bool:
        half = student.ppf(0.975, n - parameters - 1) * sd * np.sqrt((1 - r2) / n)
        return bool((mean + half) / mean <= RATIO)

    return _first(enough, parameters + 2)


def develop_multiclass(
    parameters: int, shares: Sequence[float], aurocs: dict[tuple[int, int], float], r2: float
) -> list[Need]:
    """Patients to develop a multinomial regression, by the three criteria of Pate et al.; the largest counts.

    The slope is asked of every two classes by themselves, the optimism of the whole model, and the overall risk of each
    class with simultaneous intervals.

    Args:
        parameters: candidate parameters for each class but one.
        shares: of the classes, adding up to 1.
        aurocs: by the numbers of two classes, the smaller first, of these two against each other.
        r2: R2 of Cox and Snell of the whole model, see `multinomial_r2`.

    Raises:
        SettingError: if a number is out of range.
    """
    _parameters(parameters)
    if abs(sum(shares) - 1) > 1e-6 or min(shares) <= 0:
        raise SettingError(f"The shares of the classes must be positive and add up to 1, not to {sum(shares):g}.")
    most = 1 - float(np.exp(2 * sum(share * np.log(share) for share in shares)))
    _within("r2 of Cox and Snell", r2, 0, min(most, 1 - OPTIMISM * most))
    gentle = r2 / (r2 + OPTIMISM * most)
    optimism = _for_shrinkage(parameters * (len(shares) - 1), r2, gentle)
    found = []
    for one, other in combinations(range(len(shares)), 2):
        both = shares[one] + shares[other]
        r2 = cox_snell(aurocs[one, other], shares[other] / both)
        found.append(_for_shrinkage(parameters, r2, SHRINKAGE) / both)
    spread = max(share * (1 - share) for share in shares)
    rarest = min(shares)
    overall = float(chi2.ppf(1 - 0.05 / len(shares), 1)) * spread / MARGIN**2
    return [
        _need(f"calibration slope of at least {SHRINKAGE:g} between every two classes", max(found), rarest),
        _need(f"optimism of Nagelkerke's R² of at most {OPTIMISM:g}", optimism, rarest),
        _need(f"overall risk of each class known to ± {MARGIN:g}", overall, rarest),
    ]


def multinomial_r2(target: np.ndarray, scores: np.ndarray) -> float:
    """R2 of Cox and Snell of probabilities as they are, below 0 if they tell less than the shares of the classes do.

    Args:
        target: number of the class of each sample, (n,), every class present.
        scores: probabilities, (n, classes).
    """
    shares = np.bincount(target, minlength=scores.shape[1]) / len(target)
    likelihood = np.log(np.clip(scores[np.arange(len(target)), target], SMALLEST, 1)).mean()
    return float(1 - np.exp(-2 * (likelihood - shares @ np.log(shares))))


# Validation


def auroc_error(auroc: float, prevalence: float, n: float) -> float:
    """Standard error of an AUROC in n patients (Newcombe 2006, doi:10.1002/sim.2324, method 4)."""
    half = n / 2 - 1
    spread = 1 + half * (1 - auroc) / (2 - auroc) + half * auroc / (1 + auroc)
    return float(np.sqrt(auroc * (1 - auroc) * spread / (n**2 * prevalence * (1 - prevalence))))


def for_auroc(auroc: float, prevalence: float, width: float) -> Need:
    """Patients for a 95 % interval of the AUROC of this width."""
    _within("prevalence", prevalence, 0, 1)
    _within("auroc", auroc, 0.5, 1, low_too=True)
    _within("width", width, 0, 1)
    n = _first(lambda n: 2 * _Z * auroc_error(auroc, prevalence, n) <= width, 4)
    return _need(f"95 % interval of the AUROC at most {width:g} wide", n, prevalence)


def ratio_width(prevalence: float, n: float) -> float:
    """Width of the 95 % interval of observed over expected events in n patients, if the ratio is 1."""
    error = np.sqrt((1 - prevalence) / (n * prevalence))
    return float(np.exp(_Z * error) - np.exp(-_Z * error))


def for_ratio(prevalence: float, width: float) -> Need:
    """Patients for a 95 % interval of observed over expected events of this width."""
    _within("prevalence", prevalence, 0, 1)
    _within("width", width, 0, 10)
    error = np.arcsinh(width / 2) / _Z
    name = f"95 % interval of observed over expected events at most {width:g} wide"
    return _need(name, (1 - prevalence) / (prevalence * error**2), prevalence)


def slope_information(odds: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Information that one patient has about the calibration slope; its variance in n patients is 1 / (n times this).

    Args:
        odds: linear predictor, the log odds of the scores, shape (n,); slope 1 and intercept 0 are assumed.
        weight: of each, adding up to 1; all alike by default.
    """
    weight = np.full(len(odds), 1 / len(odds)) if weight is None else weight
    risk = 1 / (1 + np.exp(-odds))
    v = risk * (1 - risk)
    a, ab, b = float(weight @ v), float(weight @ (odds * v)), float(weight @ (odds**2 * v))
    return (a * b - ab**2) / a if a > 0 else 0.0


def normal_information(auroc: float, prevalence: float) -> float:
    """As `slope_information`, for the normal linear predictors that have this AUROC and prevalence."""
    distance = np.sqrt(2) * norm.ppf(auroc)
    z, weight = _normal_points()
    odds = np.log(prevalence / (1 - prevalence)) - distance**2 / 2
    points = np.concatenate([odds + distance * z, odds + distance * (z + distance)])
    return slope_information(points, np.concatenate([(1 - prevalence) * weight, prevalence * weight]))


def for_slope(information: float, width: float, prevalence: float | None = None) -> Need:
    """Patients for a 95 % interval of the calibration slope of this width; information as of `slope_information`."""
    _within("width", width, 0, 10)
    if information <= 0:
        raise SettingError("Scores that are all alike have no calibration slope.")
    return _need(
        f"95 % interval of the calibration slope at most {width:g} wide",
        (2 * _Z / width) ** 2 / information,
        prevalence,
    )


def for_r2(r2: float, width: float) -> Need:
    """Patients for a 95 % interval of R2 of this width."""
    _within("r2", r2, 0, 1)
    _within("width", width, 0, 1)
    return _need(f"95 % interval of R² at most {width:g} wide", 4 * r2 * (1 - r2) ** 2 * (2 * _Z / width) ** 2)


def for_linear_slope(r2: float, width: float) -> Need:
    """Patients for a 95 % interval of the calibration slope of predicted numbers, if the slope is 1."""
    _within("r2", r2, 0, 1)
    _within("width", width, 0, 10)
    return _need(
        f"95 % interval of the calibration slope at most {width:g} wide", (1 - r2) / r2 * (2 * _Z / width) ** 2 + 1
    )


def for_spread() -> Need:
    """Patients that know the standard deviation of the errors to 10 %: 235."""
    return Need("standard deviation of the errors known to 10 %", _degrees_for_sd() + 2)


def _need(name: str, size: float, prevalence: float | None = None) -> Need:
    n = int(np.ceil(size - 1e-9))
    return Need(name, n, None if prevalence is None else int(np.ceil(n * prevalence - 1e-9)))


def _first(enough: Any, low: int) -> int:
    """The smallest whole number from `low` on that is enough, of those after which all are."""
    high = max(low, 2)
    while not enough(high):
        low, high = high, 2 * high
        if high > _MOST:
            raise SettingError(f"More than {_MOST:,} patients would be needed; ask for less.")
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return high


def _normal_points() -> tuple[np.ndarray, np.ndarray]:
    """Points and weights that integrate over a standard normal variable."""
    z, weight = np.polynomial.hermite_e.hermegauss(120)
    return z, weight / weight.sum()


def check(prevalence: float, auroc: float | None) -> None:
    """A share above 0 and below 1, and an AUROC, if there is one, above 0.5 and below 1.

    Raises:
        SettingError: if they are not.
    """
    _within("prevalence", prevalence, 0, 1)
    if auroc is not None:
        _within("auroc", auroc, 0.5, 1)


def _within(name: str, value: float, low: float, high: float, *, low_too: bool = False) -> None:
    if not (low < value < high or (low_too and value == low)):
        raise SettingError(
            f"{name}={value:g} is out of range: it must lie {'from' if low_too else 'above'} {low:g} {'to' if low_too else 'and'} below {high:.3g}."
        )


def _parameters(parameters: int) -> None:
    if parameters < 1:
        raise SettingError(f"parameters={parameters}: a model has at least 1 candidate parameter.")
