"""Checks of the exercises in notebook 00: a verdict is read, one setting is changed, a patient is looked at again."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bedside.folder import Run
from bedside.learn.answer import Remark, exercise, right, wrong
from bedside.scoring import Prediction

LOWER, TESTED, BETTER = "lower end of the AUROC", "malignant patients tested", "better than the baseline"
_VERDICTS = {"better": "yes", "worse": "no", "not distinguishable": "cannot tell"}


@exercise("00.3", "Read the verdict")
def verdict(run: Run, answers: Mapping[str, Any]) -> Iterator[Remark]:
    """Three answers that stand in the sentences of this very run."""
    if not isinstance(answers, Mapping) or set(answers) != {LOWER, TESTED, BETTER}:
        yield wrong("answers is not a dictionary with the three names.", f"Its names are: {LOWER}; {TESTED}; {BETTER}.")
        return
    gaps = [name for name, given in answers.items() if given is ...]
    for name in gaps:
        yield wrong(f"'{name}' is still a gap.", "It stands in the sentences above.")
    found = {one["metric"]: one for one in run.estimates["estimates"]}
    if LOWER not in gaps:
        yield _lower(answers[LOWER], found["auroc"])
    if TESTED not in gaps:
        yield _tested(answers[TESTED], found["sensitivity"]["n_patients"], run.estimates["n"]["patients"])
    if BETTER not in gaps:
        yield _better(answers[BETTER], _VERDICTS[run.estimates["baseline"]["verdict"]])


def _near(given: Any, value: float) -> bool:
    """As a person reads it off: two digits are enough."""
    return isinstance(given, int | float) and abs(given - value) < 0.006


def _lower(given: Any, auroc: Mapping[str, Any]) -> Remark:
    if _near(given, auroc["value"]) and not _near(given, auroc["low"]):
        return wrong(f"{given:.3f} is the AUROC itself.", "Its interval stands in brackets behind it.")
    if _near(given, auroc["high"]) and not _near(given, auroc["low"]):
        return wrong(f"{given:.3f} is the upper end.", "Which values would fit too, if luck was on your side?")
    if _near(given, auroc["low"]):
        return right("The lower end of the AUROC: lower values than this do not fit the data well.")
    return wrong(f"{given!r} is not the lower end of the AUROC.", "First sentence, first number in brackets.")


def _tested(given: Any, malignant: int, everybody: int) -> Remark:
    if given == malignant:
        return right(f"{malignant} malignant patients were tested; 100 would be needed.")
    if given == everybody:
        return wrong(f"{everybody} is everybody who was tested.", "How many of them had a malignant mass?")
    if given == everybody - malignant:
        return wrong(f"{given} were benign.", "The other number in the brackets.")
    return wrong(f"{given!r} is not how many malignant patients were tested.", "Second sentence.")


def _better(given: Any, truth: str) -> Remark:
    if given not in _VERDICTS.values():
        return wrong(f"{given!r} is not an answer.", "One of: yes, no, cannot tell.")
    if given == truth:
        return right(f"Better than a logistic regression: {truth}.")
    hint = (
        "The first AUROC may be higher; does the interval of the difference leave room for none?"
        if truth == "cannot tell"
        else "Third sentence: its first words."
    )
    return wrong(f"Better than the baseline: '{given}' is not what the sentence says.", hint)


@exercise("00.4", "Change one setting")
def one_setting(run: Run, folder: str | Path | Run) -> Iterator[Remark]:
    """Two runs that differ in one setting of the network or its training, and in nothing else."""
    path = folder.path if isinstance(folder, Run) else Path(folder)
    if not (path / "report.html").is_file():
        yield wrong(
            f"There is no finished run in {path.name}.",
            "What did bedside say? A setting that it refused is named there.",
        )
        return
    before, after = (dict(_flat(Run(one).settings)) for one in (run.path, path))
    names = sorted(name for name in {**before, **after} if before.get(name) != after.get(name))
    if after.get("model.hidden") == []:  # then its activation and dropout do not act, and vanish with it
        names = [name for name in names if name == "model.hidden" or not name.startswith("model.")]
    own = [name for name in names if name.startswith(("model.", "train."))]
    if not names:
        yield wrong(
            "Both runs have the same settings.", "Give another value than the default; `bedside settings` lists them."
        )
    elif len(names) > 1:
        yield wrong(
            f"They differ in {', '.join(names)}.", "Which of them made the difference, then? Change one at a time."
        )
    elif not own:
        yield wrong(
            f"'{names[0]}' does not change the network or its training.", "Names that begin with model. or train. do."
        )
    else:
        yield right(f"One setting differs: {names[0]} was {before.get(names[0])}, now it is {after.get(names[0])}.")
    if (run.path / "folds.csv").read_bytes() == (path / "folds.csv").read_bytes():
        yield right("Both were trained and tested on the same patients.")
    else:
        yield wrong("They were tested on other patients.", "Leave seed and folds as they are, or you compare patients.")


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """model: {hidden: ...} -> model.hidden."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


@exercise("00.5", "Who must be looked at again")
def look_again(prediction: Prediction, again: Iterable[Any]) -> Iterator[Remark]:
    """Samples that are unlike those of training."""
    table = prediction.table
    if isinstance(again, str) or not isinstance(again, Iterable):
        yield wrong(f"again is {again!r}, not a list.", 'A list of texts, such as ["1", "2"].')
        return
    said, known = {str(one) for one in again}, set(table["sample"].astype(str))
    if strange := said - known:
        yield wrong(f"There is no sample {', '.join(sorted(strange))}.", f"There are {', '.join(sorted(known))}.")
        return
    unusual = set(table.loc[table["unusual"], "sample"].astype(str))
    for sample in sorted(unusual - said):
        yield wrong(
            f"Sample {sample} is missing.", "A sure score is no reason to believe it: look at the last columns."
        )
    for sample in sorted(said - unusual):
        yield wrong(f"Sample {sample} is like the patients of training.", "Which column says that a patient is not?")
    if said == unusual:
        row = table[table["unusual"]].iloc[0]
        yield right(f"Sample {row['sample']} is unusual: {row['outside'] or 'far from those of training'}.")
