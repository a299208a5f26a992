"""Cohorts that come with the package, with their source and licence; they are read like any other table."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from bedside.cohort import Cohort, TaskKind
from bedside.data.files import named_columns, refuse_idle
from bedside.data.table import make_cohort
from bedside.errors import DataError, nearest
from bedside.settings import DataSettings


@dataclass(frozen=True)
class BuiltIn:
    """A cohort that needs no file: `read` gives its raw table, the defaults say what the columns are for."""

    title: str
    task: TaskKind
    source: str
    licence: str
    read: Callable[[], pd.DataFrame]
    target: str
    positive: str | None = None
    categories: tuple[str, ...] = ()


def _breast_cancer() -> pd.DataFrame:
    from sklearn.datasets import load_breast_cancer

    raw = load_breast_cancer(as_frame=True)
    names = pd.Series(["malignant", "benign"], dtype=object)  # 0 is malignant in the source
    return raw.data.assign(diagnosis=names[raw.target].to_numpy())


def _diabetes() -> pd.DataFrame:
    from sklearn.datasets import load_diabetes

    raw = load_diabetes(as_frame=True, scaled=False)
    names = {
        "age": "age_years",
        "bmi": "bmi_kg_m2",
        "bp": "mean_blood_pressure",
        "s1": "total_cholesterol",
        "s2": "ldl",
    }
    names |= {"s3": "hdl", "s4": "cholesterol_hdl_ratio", "s5": "log_triglycerides", "s6": "glucose"}
    return raw.frame.rename(columns={**names, "target": "progression"})


COHORTS = {
    "breast-cancer": BuiltIn(
        "Breast masses: benign or malignant, from the cell nuclei of a fine-needle aspirate",
        "binary",
        "Street, Wolberg, Mangasarian 1993, doi:10.1117/12.148698; UCI doi:10.24432/C5DW2B, by way of scikit-learn",
        "CC BY 4.0",
        _breast_cancer,
        target="diagnosis",
        positive="malignant",
    ),
    "diabetes": BuiltIn(
        "Diabetes: progression one year after ten baseline measurements",
        "regression",
        "Efron, Hastie, Johnstone, Tibshirani 2004, doi:10.1214/009053604000000067, by way of scikit-learn",
        "published without a licence; the copy in scikit-learn comes under BSD-3-Clause",
        _diabetes,
        target="progression",
        categories=("sex",),  # 1 and 2 are codes; the source does not say for what
    ),
}


def load(name: str, settings: DataSettings | None = None) -> Cohort:
    """A built-in cohort; settings such as `subgroups`, `exclude` or `features` act as on a file.

    Raises:
        DataError: if there is no built-in cohort of that name.
        SettingError: if a setting for reading files is given.
    """
    if name not in COHORTS:
        raise DataError(
            f"There is no built-in cohort '{name}'.{nearest(name, COHORTS)} Built in: {', '.join(COHORTS)}."
        )
    entry, settings = COHORTS[name], settings or DataSettings()
    refuse_idle(settings, ("separator", "decimal", "encoding", "sheet"), "a built-in cohort")
    about = {"title": entry.title, "source": entry.source, "licence": entry.licence}
    return make_cohort(named_columns(entry.read(), name), _defaults(entry, settings), name=name, about=about)


def _defaults(entry: BuiltIn, settings: DataSettings) -> DataSettings:
    """The settings asked for; where they are silent, the cohort's own target, positive class and categories."""
    if settings.target not in (None, entry.target):
        return settings
    own = {"target": entry.target, "positive": settings.positive or entry.positive}
    return settings.model_copy(update={**own, "categories": settings.categories or _categories(entry, settings)})


def _categories(entry: BuiltIn, settings: DataSettings) -> tuple[str, ...]:
    """The cohort's own codes, as far as these settings use them as features or subgroups."""
    roles = {settings.patient, settings.site, settings.time, *settings.exclude}
    used = {*settings.subgroups, *(settings.features or set(entry.categories) - roles)}
    return tuple(name for name in entry.categories if name in used)
