"""How many patients to collect, before there are any; the same as `bedside samplesize`."""

from bedside.errors import SettingError
from bedside.evaluation import sample_size
from bedside.evaluation.sample_size import Need

MOST_OF_R2 = 0.15  # of the largest R2, if nothing is known of the result (Riley et al. 2020, doi:10.1136/bmj.m441)


def plan(
    *,
    prevalence: float | None = None,
    auroc: float | None = None,
    r2: float | None = None,
    parameters: int | None = None,
    mean: float | None = None,
    sd: float | None = None,
    width: float = 0.1,
    slope_width: float = 0.2,
    ratio_width: float = 0.2,
) -> dict[str, list[Need]]:
    """Patients needed for development and for validation, by criterion; the largest of each counts.

    Args:
        prevalence: share of patients with the condition; without it the target is a number.
        auroc: anticipated, if the target has two classes.
        r2: anticipated; of Cox and Snell if the target has two classes.
        parameters: candidate parameters of the model; without them nothing is said of development.
        mean, sd: of a number as target, for one more criterion of development.
        width: of the interval of the AUROC, or of R2.
        slope_width: of the interval of the calibration slope.
        ratio_width: of the interval of observed over expected events.

    Raises:
        SettingError: if a number is missing, has no effect or is out of range.
    """
    if prevalence is None:
        return _of_numbers(auroc, r2, parameters, mean, sd, width, slope_width)
    if mean is not None or sd is not None:
        raise SettingError("mean and sd have no effect beside prevalence: they describe a target that is a number.")
    if auroc is not None and r2 is not None:
        raise SettingError(
            f"auroc={auroc:g} and r2={r2:g} both say how well the outcome can be predicted; give one of them."
        )
    if auroc is None and parameters is None:
        raise SettingError(
            "Give the AUROC that you expect (--auroc 0.8), or the candidate parameters (--parameters 20), or both."
        )
    sample_size.check(prevalence, auroc)
    found: dict[str, list[Need]] = {}
    if parameters is not None:
        expected = r2 if r2 is not None else None if auroc is None else sample_size.cox_snell(auroc, prevalence)
        expected = expected if expected is not None else MOST_OF_R2 * sample_size.largest_r2(prevalence)
        found["development"] = sample_size.develop_binary(parameters, prevalence, expected)
    found["validation"] = [sample_size.for_ratio(prevalence, ratio_width)]
    if auroc is not None:
        information = sample_size.normal_information(auroc, prevalence)
        slope = sample_size.for_slope(information, slope_width, prevalence)
        found["validation"] = [sample_size.for_auroc(auroc, prevalence, width), slope, *found["validation"]]
    return found


def _of_numbers(
    auroc: float | None,
    r2: float | None,
    parameters: int | None,
    mean: float | None,
    sd: float | None,
    width: float,
    slope_width: float,
) -> dict[str, list[Need]]:
    if auroc is not None:
        raise SettingError(f"auroc={auroc:g} needs the share of patients with the condition: add --prevalence.")
    if r2 is None:
        raise SettingError("Give --prevalence for a target with two classes, or --r2 for a number.")
    if (mean is None) != (sd is None):
        raise SettingError("mean and sd of the target act together: give both, or neither.")
    if mean is not None and parameters is None:
        raise SettingError("mean and sd have no effect without parameters: they are for development.")
    found: dict[str, list[Need]] = {}
    if parameters is not None:
        found["development"] = sample_size.develop_regression(parameters, r2, mean=mean, sd=sd)
    slope = sample_size.for_linear_slope(r2, slope_width)
    return {**found, "validation": [sample_size.for_r2(r2, width), slope, sample_size.for_spread()]}
