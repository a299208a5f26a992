"""Split patients, never rows, into training, validation and test sets.

A patient who appears on both sides of a split lets the model recognise the patient instead of the disease.
So the unit dealt here is the group: all samples of one patient, joined with every sample that is a duplicate
of one of them. Nothing else in the package may create a split.

Reads:  a `Cohort`.  Gives:  `Fold` objects holding row numbers.
"""

import warnings
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import StratifiedKFold

from bedside.cohort import Cohort, Finding, Fold, Roles, Task
from bedside.errors import DataError, SettingError
from bedside.settings import FoldSettings

PARTS = ("train", "valid", "test")

CODES = {
    "left-out-of-folds": "Samples left out of training because their patient, or a duplicate, is tested in that fold.",
    "duplicates-not-joined": "Duplicates may stand on both sides of a split because joining was switched off.",
    "site-one-class": "A held-out site has samples of one class only.",
    "one-group-fills-a-part": "One patient, or a group that must stay together, has so many samples that parts are of very different sizes.",
    "own-split-leaks": "Samples were left out because the split that came with the data has their patient, or a duplicate, in two parts.",
    "own-split-no-valid": "The split that came with the data has no validation part; a fifth of the training patients validates.",
    "own-split-ignored": "The data came with a split, but another scheme was asked for.",
}


def make_folds(cohort: Cohort, settings: FoldSettings, *, seed: int) -> list[Fold]:
    """Deal the patients of a cohort to folds, the same way for the same seed.

    Args:
        cohort: any kind of data; only patients, targets, sites, times, linked duplicates and scaffolds are looked at.
        settings: scheme, number of folds, repeats, seeds.
        seed: shuffles the groups before they are dealt.

    Returns:
        One fold for `holdout` and `time`, one per site for `site`, one per repeat for `given`, number x repeats for
        `crossval`; all of them once for each of `settings.seeds`, which count as repeats of their own.

    Raises:
        DataError: if a class has too few patients, or the split that came with the data lacks a part.
        SettingError: if the role that the scheme needs is missing, or repeats would be all alike.

    Source:
        Varma & Simon 2006, doi:10.1186/1471-2105-7-91 (choices must not see the test fold).
    """
    scheme = chosen_scheme(cohort, settings)
    groups = join_groups(
        cohort, link_duplicates=settings.link_duplicates, link_scaffolds=joins_scaffolds(cohort, settings)
    )
    strata = group_strata(cohort, groups)
    match scheme:
        case "holdout":
            folds = [_holdout(_crossval(cohort, groups, strata, number=5, repeats=1, seed=seed), groups)]
        case "crossval":
            folds = _crossval(cohort, groups, strata, number=settings.number, repeats=settings.repeats, seed=seed)
        case "site":
            folds = _leave_one_site_out(cohort, groups, strata, seed=seed)
        case "time":
            folds = [_past_to_future(cohort, groups)]
        case "given":
            folds = [_as_given(cohort, groups, strata, seed=seed, repeat=repeat) for repeat in range(settings.repeats)]
    for fold in folds:
        _check(fold, cohort, groups, scheme)
    return _again(folds, settings.seeds)


def _again(folds: list[Fold], seeds: int) -> list[Fold]:
    """Every division once for each seed, one repeat after the other."""
    if seeds == 1:
        return folds
    return [
        replace(fold, repeat=fold.repeat * seeds + seed, dealt=fold.repeat * seeds if seed else None)
        for repeat in range(folds[-1].repeat + 1)
        for seed in range(seeds)
        for fold in folds
        if fold.repeat == repeat
    ]


def chosen_scheme(cohort: Cohort, settings: FoldSettings) -> str:
    """The scheme by its name; `auto` is `given` if the data came with a split, else `holdout`."""
    if settings.scheme != "auto":
        return settings.scheme
    return "holdout" if cohort.split is None else "given"


def joins_scaffolds(cohort: Cohort, settings: FoldSettings) -> bool:
    """Whether molecules with one scaffold are dealt together; a split by site or time, or one that was given, asks for
    something else that is new."""
    scheme = chosen_scheme(cohort, settings)
    return settings.link_scaffolds and cohort.scaffolds is not None and scheme in ("holdout", "crossval")


def join_groups(cohort: Cohort, *, link_duplicates: bool = True, link_scaffolds: bool = False) -> np.ndarray:
    """Number the groups that must stay together: one patient, or patients joined by duplicates or, of molecules, by a
    scaffold; shape (n,).

    Source: Bemis & Murcko 1996, doi:10.1021/jm9602928 (scaffolds); Wu et al. 2018, doi:10.1039/C7SC02664A (as a split).
    """
    groups = np.asarray(pd.factorize(cohort.samples["patient"])[0], dtype=np.int64)
    if link_duplicates:
        groups = _joined(groups, cohort.linked)
    if link_scaffolds and cohort.scaffolds is not None:
        groups = _joined(groups, cohort.scaffolds)
    return groups


def _joined(groups: np.ndarray, links: np.ndarray) -> np.ndarray:
    """Groups and links are the two sides of a graph, samples its edges; its connected parts are the new groups, (n,)."""
    others, kinds = pd.factorize(links)
    first = int(groups.max(initial=-1)) + 1
    edges = coo_array((np.ones(len(groups)), (groups, first + others)), shape=(first + len(kinds),) * 2)
    _, part = connected_components(edges, directed=False)
    return np.asarray(pd.factorize(part[groups])[0], dtype=np.int64)


def linked_patients(cohort: Cohort) -> np.ndarray | None:
    """For each sample the first patient of its group, text, shape (n,); None if no two patients share a duplicate.

    Copies of one image tell nothing new however many patients they are filed under, so the evaluation resamples groups.
    """
    groups = join_groups(cohort)
    if groups.max() + 1 == cohort.n_patients:
        return None
    return cohort.patients[np.unique(groups, return_index=True)[1]][groups]


def group_strata(cohort: Cohort, groups: np.ndarray) -> np.ndarray:
    """The stratum of each group, shape (n_groups,): its rarest class, or the fifth its mean target falls in.

    Counting a patient with mixed samples by the rarest class keeps every class in every fold.
    """
    target = cohort.target
    if cohort.task.kind == "regression":
        means = pd.Series(target).groupby(groups).mean()
        return np.asarray(pd.qcut(means, 5, labels=False, duplicates="drop"), dtype=np.int64)
    rarity = np.argsort(np.argsort(-np.bincount(target, minlength=len(cohort.task.classes)), kind="stable"))
    rarest = pd.Series(rarity[target]).groupby(groups).max().to_numpy()
    return np.asarray(np.argsort(rarity)[rarest], dtype=np.int64)


def validation_rows(target: np.ndarray, groups: np.ndarray | None, *, task: Task, seed: int) -> np.ndarray:
    """A fifth of the rows, whole groups at a time and stratified, to stop a training on; shape (about n / 5,).

    Args:
        target: integers from 0 for classes, or numbers, shape (n,).
        groups: patient of each row, shape (n,), or None if each row is its own patient.

    Raises:
        DataError: if a class has fewer than 5 groups.
    """
    names = np.arange(len(target)) if groups is None else np.asarray(groups)
    shown = target if task.kind == "regression" else np.array(task.classes, dtype=object)[target]
    samples = pd.DataFrame({"patient": names, "target": shown})
    cohort = Cohort("rows", samples, Roles("target", "patient"), task, None, np.arange(len(target)))
    joined = join_groups(cohort)
    strata = group_strata(cohort, joined)
    _enough_patients(cohort, joined, 5, " among these samples")
    return _deal(joined, strata, 5, seed=seed, repeat=0)[0]


def thinned(fold: Fold, cohort: Cohort, share: float, *, seed: int) -> Fold:
    """The fold with a share of its training and validation patients, stratified; its test patients are all kept.

    A smaller share holds patients of every larger one only, so that results differ by what was added.

    Args:
        fold: from `make_folds`.
        cohort: what it divides.
        share: of the groups that stay together, above 0 to 1.
        seed: decides who is left out first.
    """
    if share == 1:
        return fold
    groups = join_groups(cohort)
    strata = group_strata(cohort, groups)
    dealt = fold.repeat if fold.dealt is None else fold.dealt
    rng = np.random.default_rng(np.random.SeedSequence([seed, dealt, fold.number]))
    places = (
        pd.Series(rng.permutation(len(strata))).groupby(strata).rank(pct=True).to_numpy()
    )  # within the stratum, 0 to 1
    train, valid = (_thin(rows, groups, strata, places, share) for rows in (fold.train, fold.valid))
    return replace(fold, train=train, valid=valid)


def _thin(rows: np.ndarray, groups: np.ndarray, strata: np.ndarray, places: np.ndarray, share: float) -> np.ndarray:
    """Rows of the first groups of each stratum, at least one of each."""
    used = np.unique(groups[rows])
    order = pd.Series(places[used]).groupby(strata[used]).rank(method="first").to_numpy()
    sizes = pd.Series(used).groupby(strata[used]).transform("size").to_numpy()
    kept = used[order <= np.maximum(1, np.round(share * sizes))]
    return rows[np.isin(groups[rows], kept)]


def everything(cohort: Cohort, *, repeat: int) -> Fold:
    """All samples train and nobody is tested: for the final refit only, whose result is then not a tested one."""
    rows = np.arange(len(cohort))
    return Fold(repeat, 0, rows, rows, rows[:0])


def _holdout(folds: list[Fold], groups: np.ndarray) -> Fold:
    """The first of five folds; if a single group has more than a fifth of all samples, the first that learns from it."""
    sizes = np.bincount(groups)
    if sizes.max() <= len(groups) / len(folds):
        return folds[0]
    return next(replace(fold, number=0) for fold in folds if sizes.argmax() in groups[fold.train])


def _crossval(
    cohort: Cohort, groups: np.ndarray, strata: np.ndarray, *, number: int, repeats: int, seed: int
) -> list[Fold]:
    """`number` folds per repeat: one part is tested, the next one validates, the others train."""
    _enough_patients(cohort, groups, number)
    folds = []
    for repeat in range(repeats):
        parts = _deal(groups, strata, number, seed=seed, repeat=repeat)
        for k in range(number):
            valid = parts[(k + 1) % number]
            train = np.concatenate([part for j, part in enumerate(parts) if j not in (k, (k + 1) % number)])
            folds.append(Fold(repeat, k, np.sort(train), valid, parts[k]))
    return folds


def _deal(groups: np.ndarray, strata: np.ndarray, number: int, *, seed: int, repeat: int) -> list[np.ndarray]:
    """Row numbers of `number` parts that hold whole groups and share the strata evenly."""
    state = np.random.RandomState(np.random.SeedSequence([seed, repeat]).generate_state(8))
    dealer = StratifiedKFold(number, shuffle=True, random_state=state)
    hand = np.empty(len(strata), dtype=np.int64)
    with warnings.catch_warnings():  # a stratum may be small where patients have samples of several classes
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        for k, (_, chosen) in enumerate(dealer.split(strata, strata)):
            hand[chosen] = k
    return [np.flatnonzero(hand[groups] == k) for k in range(number)]


def _enough_patients(
    cohort: Cohort, groups: np.ndarray, needed: int, where: str = "", rows: np.ndarray | None = None
) -> None:
    """Every part needs a patient with a sample of every class; a regression needs five patients per part.

    Args:
        groups: group of each sample, shape (n,).
        where: words for a message that looks at a part of the cohort, such as " outside site 'a'".
        rows: the rows of that part; all by default.
    """
    rows = np.arange(len(groups)) if rows is None else rows
    if cohort.task.kind == "regression":
        count = len(np.unique(groups[rows]))
        if count < 5 * needed:
            raise DataError(
                f"{count} patients{where} are too few for {needed} parts of a regression; "
                f"at least {5 * needed} are needed."
            )
        return
    target = cohort.target
    for code, name in enumerate(cohort.task.classes):
        count = len(np.unique(groups[rows[target[rows] == code]]))
        if count < needed:
            merge = ", merge this class with another, or leave it out" if cohort.task.kind == "multiclass" else ""
            fewer = f", or use --folds crossval --set folds.number={count}" if count >= 3 and not where else ""
            if cohort.scaffolds is not None and groups.max() < join_groups(cohort).max():
                found = int((target[rows] == code).sum())
                raise DataError(
                    f"The {found:,} molecules of class '{name}' have {count} {'scaffold' if count == 1 else 'scaffolds'}{where}, which stay "
                    f"whole, but {needed} parts need at least {needed}. Set folds.link_scaffolds=false to deal molecule by molecule, on "
                    f"chemistry that is known{fewer}."
                )
            raise DataError(
                f"Class '{name}' has {count} {'patient' if count == 1 else 'patients'}{where}, but {needed} parts need "
                f"at least {needed}. Collect more patients of it{merge}{fewer}."
            )


def _leave_one_site_out(cohort: Cohort, groups: np.ndarray, strata: np.ndarray, *, seed: int) -> list[Fold]:
    """One fold per site: it is tested, a fifth of the other sites' patients validates.

    Samples elsewhere of patients (or duplicates) that the tested site also has are left out of training.
    """
    if "site" not in cohort.samples:
        raise SettingError("folds.scheme=site needs the column that names the site; add --site COLUMN.")
    sites = cohort.samples["site"].to_numpy(dtype=object)
    names = sorted(set(sites))
    if len(names) < 2:
        raise DataError(f"Column '{cohort.roles.site}' holds one site only ({names[0]!r}); leaving one out needs two.")
    folds = []
    for k, name in enumerate(names):
        test = np.flatnonzero(sites == name)
        rest = np.flatnonzero(~np.isin(groups, groups[test]))
        if len(rest) == 0:
            raise DataError(f"Every patient of the other sites was also seen at site {name!r}; use another scheme.")
        valid = _fifth(cohort, groups, strata, rest, f" outside site {name!r}", seed=seed, repeat=k)
        folds.append(Fold(0, k, np.setdiff1d(rest, valid), valid, test))
    return folds


def _past_to_future(cohort: Cohort, groups: np.ndarray) -> Fold:
    """The earliest 60 % of the samples train, the next 20 % validate, the latest 20 % are tested.

    Equal times stay on one side. A patient seen on both sides of a border keeps only the later samples.
    """
    if "time" not in cohort.samples:
        raise SettingError("folds.scheme=time needs the column with the date; add --time COLUMN.")
    rank = np.asarray(pd.factorize(cohort.samples["time"], sort=True)[0])
    ordered = np.sort(rank)
    n = len(ordered)
    first_valid, first_test = ordered[int(0.6 * n)], ordered[int(0.8 * n)]
    test = np.flatnonzero(rank >= first_test)
    valid = np.flatnonzero((rank >= first_valid) & (rank < first_test) & ~np.isin(groups, groups[test]))
    later = np.concatenate([valid, test])
    train = np.flatnonzero((rank < first_valid) & ~np.isin(groups, groups[later]))
    if not (len(train) and len(valid)):
        raise DataError(
            f"Column '{cohort.roles.time}' has too few different times to train on the past: "
            f"{len(np.unique(rank))} in {n} samples."
        )
    return Fold(0, 0, train, valid, test)


def _as_given(cohort: Cohort, groups: np.ndarray, strata: np.ndarray, *, seed: int, repeat: int = 0) -> Fold:
    """The split that came with the data, without the samples of which the same group stands in a later part.

    Without a validation part a fifth of the training patients validates, another fifth in each repeat: in five of them
    everyone validates once.
    """
    if cohort.split is None:
        raise SettingError(
            "folds.scheme=given needs data that came with a split: name the column that says train, valid or test "
            "(--split COLUMN), or put images into folders train, valid and test."
        )
    train, valid, test = (np.flatnonzero(cohort.split == part) for part in PARTS)
    if repeat and len(valid):
        raise SettingError(
            "folds.repeats has no effect: the split that came with the data says who validates. Leave it away, or train "
            "several times with other random numbers (--seeds 5)."
        )
    for rows, part in ((train, "train"), (test, "test")):
        if not len(rows):
            raise DataError(
                f"The split that came with the data has no sample in its {part} part. Add one, or use --folds holdout."
            )
    kept_valid = valid[~np.isin(groups[valid], groups[test])]
    train = train[~np.isin(groups[train], groups[np.concatenate([kept_valid, test])])]
    if (len(valid) and not len(kept_valid)) or not len(train):
        part = "train" if len(kept_valid) or not len(valid) else "valid"
        raise DataError(
            f"Every sample of the {part} part has its patient, or a duplicate, in a later part of the split that came "
            "with the data. Mend the split, or use --folds holdout."
        )
    if not len(valid):
        deal, fifth = divmod(repeat, 5)
        kept_valid = _fifth(cohort, groups, strata, train, " in the train part", seed=seed, repeat=deal, part=fifth)
        train = np.setdiff1d(train, kept_valid)
    return Fold(repeat, 0, train, kept_valid, test)


def _fifth(
    cohort: Cohort,
    groups: np.ndarray,
    strata: np.ndarray,
    rows: np.ndarray,
    where: str,
    *,
    seed: int,
    repeat: int = 0,
    part: int = 0,
) -> np.ndarray:
    """A fifth of the groups among `rows`, stratified, the one with number `part`: row numbers in ascending order."""
    used, own = np.unique(groups[rows], return_inverse=True)
    _enough_patients(cohort, groups, 5, where, rows)
    return rows[_deal(own, strata[used], 5, seed=seed, repeat=repeat)[part]]


def _check(fold: Fold, cohort: Cohort, groups: np.ndarray, scheme: str) -> None:
    """No group may cross a border, and training and validation must hold what they have to learn and judge."""
    held = np.concatenate([np.unique(groups[getattr(fold, part)]) for part in PARTS])
    assert len(np.unique(held)) == len(held)
    if cohort.task.kind == "regression":
        return
    for part in ("train", "valid"):
        present = np.unique(cohort.target[getattr(fold, part)])
        absent = [name for code, name in enumerate(cohort.task.classes) if code not in present]
        if absent:
            site = f" (site {cohort.samples['site'].iloc[fold.test[0]]!r} held out)" if scheme == "site" else ""
            raise DataError(
                f"Fold {fold.number + 1}{site} has no sample of class {' or '.join(map(repr, absent))} for "
                f"{'training' if part == 'train' else 'validation'}. "
                "Use another scheme (--folds crossval), or merge or leave out this class."
            )


def folds_table(cohort: Cohort, folds: list[Fold]) -> pd.DataFrame:
    """folds.csv: sample, repeat, fold, part (train, valid, test or left_out); one row per fold and sample."""
    blocks = []
    for fold in folds:
        part = np.full(len(cohort), "left_out", dtype=object)
        for name in PARTS:
            part[getattr(fold, name)] = name
        columns = {"sample": cohort.samples.index, "repeat": fold.repeat, "fold": fold.number, "part": part}
        blocks.append(pd.DataFrame(columns))
    return pd.concat(blocks, ignore_index=True)


def fold_findings(cohort: Cohort, folds: list[Fold], settings: FoldSettings) -> Iterator[Finding]:
    """What a reader must know about the splits: samples left out, duplicates joined, sites with one class."""
    left_out = sum(len(cohort) - sum(len(getattr(fold, part)) for part in PARTS) for fold in folds)
    if left_out:
        yield Finding(
            "note",
            "left-out-of-folds",
            f"{left_out} samples over all folds were left out of training because the same patient, or a duplicate, "
            "is tested or validates in that fold.",
        )
    repeated = len(cohort) - len(np.unique(cohort.linked))
    if repeated and not settings.link_duplicates:
        yield Finding(
            "warning",
            "duplicates-not-joined",
            f"{repeated} samples repeat another one, and folds may separate them: the result may be too good.",
            "Leave folds.link_duplicates on.",
        )
    yield from _own_split(cohort, folds, settings)
    yield from _uneven(cohort, folds, settings)
    if settings.scheme == "site" and cohort.task.kind != "regression":
        for fold in folds:
            if len(np.unique(cohort.target[fold.test])) < 2:
                site = cohort.samples["site"].iloc[fold.test[0]]
                yield Finding(
                    "warning", "site-one-class", f"Site {site!r} has samples of one class only: no AUROC there."
                )


def _uneven(cohort: Cohort, folds: list[Fold], settings: FoldSettings) -> Iterator[Finding]:
    """One group that is larger than a part should be, where parts are dealt by chance."""
    if chosen_scheme(cohort, settings) not in ("holdout", "crossval"):
        return
    scaffolds = joins_scaffolds(cohort, settings)
    groups = join_groups(cohort, link_duplicates=settings.link_duplicates, link_scaffolds=scaffolds)
    n, number = int(np.bincount(groups).max()), settings.number if settings.scheme == "crossval" else 5
    if n <= len(cohort) / number:
        return
    sizes = [f"{min(found):,} to {max(found):,}" if min(found) < max(found) else f"{found[0]:,}" for found in
             ([len(getattr(fold, part)) for fold in folds] for part in PARTS)]  # fmt: skip
    who = "have one scaffold and" if scaffolds else "belong to one patient, or to patients who share copies, and"
    yield Finding(
        "warning",
        "one-group-fills-a-part",
        f"{n:,} of {len(cohort):,} samples {who} stay together, more than a part of {number} should hold: {sizes[0]} train, {sizes[1]} "
        f"validate, {sizes[2]} are tested.",
        "Set folds.link_scaffolds=false to deal molecule by molecule, on chemistry that is known." if scaffolds else "",
    )


def _own_split(cohort: Cohort, folds: list[Fold], settings: FoldSettings) -> Iterator[Finding]:
    """What became of the split that came with the data."""
    if cohort.split is None:
        return
    if chosen_scheme(cohort, settings) != "given":
        message = f"The data came with a split, which is not used because folds.scheme={settings.scheme} was asked for."
        yield Finding("note", "own-split-ignored", message, "Leave --folds away to use it.")
        return
    fold = folds[0]  # several seeds share it
    used = np.concatenate([getattr(fold, part) for part in PARTS])
    lost = [int((np.delete(cohort.split, used) == part).sum()) for part in ("train", "valid")]
    shown = " and ".join(f"{n} of {part}" for n, part in zip(lost, ("train", "valid"), strict=True) if n)
    if shown:
        yield Finding(
            "warning",
            "own-split-leaks",
            f"The split that came with the data leaks: {shown} have their patient, or a duplicate, in a later part. These "
            "samples were left out, so results published with this split may be too good.",
            "Mend the split if you made it; otherwise say that these samples were left out.",
        )
    if "valid" not in cohort.split:
        message = (
            "The split that came with the data has no validation part, so a fifth of its training patients validates"
            + (", another fifth in each repeat." if settings.repeats > 1 else ".")
        )
        yield Finding("note", "own-split-no-valid", message)
