"""How the numbers of an experiment were made, in sentences that a methods section could quote."""

from collections.abc import Sequence

from bedside.cohort import level_text
from bedside.report import kinds, methods
from bedside.report.candidates import Pair
from bedside.report.experiment import Experiment

T_TEST = "corrected resampled t-test"

_TESTS = {
    T_TEST: "The difference of two candidates was taken in every fold and held against its spread over the folds by the corrected "
    "resampled t-test (Nadeau and Bengio 2003, doi:10.1023/A:1024068626366). It widens the error because folds share training "
    "patients; the ordinary t-test would find differences that are not there.",
    "DeLong": "There is one fold, so AUROCs were compared on its test patients by DeLong's test (DeLong et al. 1988, "
    "doi:10.2307/2531595), with the samples of a patient kept together (Obuchowski 1997, doi:10.2307/2533958). It says "
    "whether the difference would stay with other test patients, not with another training.",
    "patient bootstrap": "There is one fold, so each difference was taken on the same resampled test patients; its p-value is twice "
    "the smaller share of resamples on one side of 0 (Davison and Hinkley 1997). It says whether the difference would stay "
    "with other test patients, not with another training.",
}
_BESIDE = (
    " DeLong's test (DeLong et al. 1988, doi:10.2307/2531595) stands beside it: it asks only whether the difference would stay "
    "with other test patients, takes the fitted models as given, and is therefore often smaller. It decides nothing here."
)


def in_short(pairs: Sequence[Pair]) -> str:
    """The test of the pairs with its source, in a sentence for the section that shows them."""
    test = next((pair.test for pair in pairs if pair.test), "")
    tested = sum(pair.p is not None for pair in pairs)
    named = {
        T_TEST: "the corrected resampled t-test on the differences of the folds (Nadeau and Bengio 2003, doi:10.1023/A:1024068626366)",
        "DeLong": "DeLong's test on the same test patients (DeLong et al. 1988, doi:10.2307/2531595)",
        "patient bootstrap": "resamples of the same test patients (Davison and Hinkley 1997)",
    }
    if test not in named:
        return ""
    holm = f"; p-values are adjusted for {tested} tests (Holm 1979)" if tested > 1 else ""
    beside = (
        " DeLong's test (1988, doi:10.2307/2531595) stands beside it and asks less: whether the difference would stay with other "
        "test patients, the trained models being what they are."
        if test == T_TEST and any(pair.delong for pair in pairs)
        else ""
    )
    return f"Tested with {named[test]}{holm}.{beside}"


def how_tested(pairs: Sequence[Pair]) -> str:
    """What the test of the pairs is, with its source; nothing if no pair could be tested."""
    test = next((pair.test for pair in pairs if pair.test), "")
    beside = _BESIDE if test == T_TEST and any(pair.delong for pair in pairs) else ""
    return f"{_TESTS[test]}{beside}" if test in _TESTS else ""


def how_adjusted(pairs: Sequence[Pair], level: float) -> str:
    """Why the p-values of several pairs are adjusted."""
    tested = sum(pair.p is not None for pair in pairs)
    if tested < 2:
        return ""
    return (
        f"Among {tested} pairs of equal candidates some would look different by chance, so p-values were adjusted by Holm's method "
        f"(Holm 1979, Scandinavian Journal of Statistics 6:65): if no candidates differed, a difference would be called in at most {level_text(1 - level)} of "
        "such comparisons. Intervals are those of each pair alone."
    )


def paragraphs(run: Experiment, further: dict[str, str]) -> list[dict[str, str]]:
    """Paragraphs with a title each: patients and preparation, then what is special to the experiment."""
    found = {
        "Patients and splits": methods.splits(run),
        "Preparation": preparation(run),
        "Decisions": methods.decisions(run),
        "Intervals": methods.intervals(run.estimates),
        **further,
    }
    return [{"title": title, "text": text} for title, text in found.items() if text]


def preparation(run: Experiment) -> str:
    """How data became numbers, if that is the same in all fits."""
    fits = [fit for fit in run.fits.values() if (fit.path / "settings.yaml").exists()]
    told = {
        methods.preparation(fit.settings.get("preparation", {})) if (read := kinds.preparation(fit)) is None else read
        for fit in fits
    }
    return told.pop() if len(told) == 1 else ""


def training(run: Experiment) -> str:
    """How networks trained, if there are any; their settings stand in a table."""
    if not any(fit.history is not None for fit in run.fits.values()):
        return ""
    return (
        "Each fold was trained on its own training patients; of a network, the epoch with the lowest loss on validation "
        "patients was kept. What varied stands beside the estimates, everything else was the same."
    )
