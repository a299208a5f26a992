"""The latent space on a page: what the last layer reads of each sample, laid out so that alike samples lie together.

Sources: van der Maaten & Hinton 2008, Journal of Machine Learning Research 9:2579 (t-SNE); Kobak & Berens 2019,
doi:10.1038/s41467-019-13056-x (begin with the principal components).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from bedside.cohort import Cohort
from bedside.explain.sight import Says

MOST = 2000  # points on the page; more would hide each other
COMPONENTS = 50  # that t-SNE starts from
FEWEST = 5  # points below which there is nothing to lay out


@dataclass(frozen=True)
class Latent:
    """A table with one row per sample, and the record of how it was made."""

    table: pd.DataFrame
    record: dict[str, Any]


def choose_space(test: pd.DataFrame, sights: Mapping[str, Says], names: pd.Series) -> tuple[str, pd.DataFrame, str]:
    """The member whose space is shown, the test samples in it, and why.

    Each member that trained its backbone has a space of its own, in which only its own test samples belong. A frozen
    backbone is the same for all members, and so all test samples share one map.
    """
    first = next(iter(sights.values()))
    counted = names.value_counts()
    name = min(counted.index, key=lambda fold: (-counted[fold], fold))
    if len(sights) == 1:
        return name, test, "one network, all test samples"
    if all(sight.shared_with(first) for sight in sights.values()):
        return name, test, "the frozen backbone is the same in all folds, so all test samples share one map"
    note = f"the network of {name} and the samples it was tested on; each fold's network has a space of its own"
    return name, test[names == name], note


def lay_out(sight: Says, cohort: Cohort, test: pd.DataFrame, note: str, seed: int) -> Latent | None:
    """PCA and t-SNE of the embeddings of the rows of `decided`; None if there are too few."""
    rows = test if len(test) <= MOST else test.sample(MOST, random_state=seed % 2**32).sort_index()
    if len(rows) < FEWEST:
        return None
    numbers = cohort.samples.index.get_indexer(pd.Index(rows["sample"]))
    vectors = sight.embedding(cohort.inputs.take(numbers)).astype(np.float64)
    vectors = vectors - vectors.mean(axis=0)
    components = PCA(min(COMPONENTS, *vectors.shape), svd_solver="full").fit(vectors)
    main = _steady(components.transform(vectors))
    perplexity = float(min(30, max(2, (len(rows) - 1) // 3)))
    main = main if main.shape[1] > 1 else np.pad(main, [(0, 0), (0, 1)])
    spread = main[:, 0].std()
    with threadpool_limits(1):  # sums in one order, so that the same seed gives the same page
        start = main[:, :2] / (spread if spread > 0 else 1.0) * 1e-4
        page = TSNE(
            2, perplexity=perplexity, init=start, learning_rate="auto", random_state=seed % 2**32
        ).fit_transform(main)
    table = pd.DataFrame({"sample": rows["sample"].to_numpy(), "pca1": main[:, 0], "pca2": main[:, 1]})
    table["tsne1"], table["tsne2"] = page.T.astype(np.float64)
    table["target"], table["decision"] = rows["target"].to_numpy(), rows["decision"].to_numpy()
    table["correct"] = "" if cohort.task.kind == "regression" else rows["correct"].astype(int).to_numpy()
    if "site" in rows:
        table["site"] = rows["site"].to_numpy()
    share = [*components.explained_variance_ratio_[:2].tolist(), 0.0][:2]
    layer = f"{sight.layer}, {vectors.shape[1]} numbers per sample"
    record = {"layer": layer, "pca_share": [round(float(np.nan_to_num(s)), 6) for s in share], "perplexity": perplexity}
    return Latent(table, {**record, "seed": seed, "note": note, "n_samples": len(table)})


def _steady(components: np.ndarray) -> np.ndarray:
    """Each component with the sign that makes its largest value positive; its sign is chance otherwise."""
    largest = components[np.abs(components).argmax(axis=0), np.arange(components.shape[1])]
    return components * np.where(largest < 0, -1, 1)
