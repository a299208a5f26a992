"""The latent map: test samples where the network puts them, by class, by site and by error."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from bedside.folder import Run
from bedside.report.style import BASELINE, EVENT, MODEL, MUTED, Drawing, canvas, short, to_svg

MOST_POINTS = 1500  # of each little map; more cannot be seen and would swell the page
MOST_COLOURS = 8  # further groups are grey
GREY = "#c3c7ca"
BY_SITE = "By site"
# After Okabe & Ito 2008, in the tones of the report.
_COLOURS = (MODEL, BASELINE, "#3f8f74", "#b0468a", "#d9a520", "#6fb1d6", EVENT, MUTED)


@dataclass(frozen=True)
class Colouring:
    """What the colours of one column of maps say: a group for each sample, and the groups in order with colours."""

    title: str
    groups: pd.Series
    colours: dict[str, str]
    others: int = 0  # groups without a colour of their own


def latent_figure(run: Run) -> Drawing | None:
    """PCA above t-SNE, one column per colouring; None without a latent map or with too few samples for one."""
    table, facts = run.latent, run.latent_facts
    if table is None or facts is None or len(table) < 2:
        return None
    shown = table.iloc[np.unique(np.linspace(0, len(table) - 1, min(MOST_POINTS, len(table))).round().astype(int))]
    colourings = _colourings(run, shown)
    figure, axes = canvas((8.8, 3.0 + 8.0 / len(colourings)), 2, len(colourings), squeeze=False)
    for column, colouring in enumerate(colourings):
        for row, method in enumerate(("pca", "tsne")):
            _map(axes[row, column], shown, method, colouring)
        axes[0, column].set_title(colouring.title, fontsize=9, pad=6)
        _legend(axes[1, column], colouring)
    shares = [f"{100 * share:.0f} %" for share in facts["pca_share"]]
    axes[0, 0].set_ylabel(f"PCA ({' and '.join(shares)} of the variance)")
    axes[1, 0].set_ylabel(f"t-SNE (perplexity {facts['perplexity']:g})")
    return Drawing(
        "latent",
        "Latent map",
        _caption(table, shown, facts, colourings),
        _alt(table),
        _compact(to_svg(figure, "latent")),
        wide=True,
    )


def _colourings(run: Run, table: pd.DataFrame) -> list[Colouring]:
    """By class, by site if there is one, by error."""
    wrong = pd.Series(np.where(table["correct"].to_numpy() == 1, "right", "wrong"), index=table.index)
    made = [_coloured("By class (truth)", table["target"], run.estimates["task"]["classes"])]
    if "site" in table and table["site"].nunique() > 1:
        sites = table["site"].fillna("not known")
        made.append(_coloured(BY_SITE, sites, sorted(sites.unique())))
    return [*made, Colouring("By error", wrong, {"right": GREY, "wrong": EVENT})]


def _coloured(title: str, groups: pd.Series, names: list[str]) -> Colouring:
    """A colour for each group, or for the most frequent ones; grey is drawn first, then the frequent ones."""
    groups = groups.astype(str)
    counts = groups.value_counts()
    there = [str(name) for name in names if str(name) in counts.index]
    named = set(sorted(there, key=lambda name: -counts[name])[:MOST_COLOURS])
    kept = [name for name in there if name in named]
    colours = dict(zip(kept, _COLOURS, strict=False))
    return Colouring(title, groups.where(groups.isin(kept), ""), colours, len(there) - len(kept))


def _map(axes: Axes, table: pd.DataFrame, method: str, colouring: Colouring) -> None:
    places = table[[f"{method}1", f"{method}2"]].to_numpy(np.float64)
    counts = colouring.groups.value_counts()
    width = 3.6 if len(table) <= MOST_POINTS / 3 else 2.6
    order = sorted(counts.index, key=lambda name: (name not in ("", "right"), -counts[name]))
    for name in order:
        _dots(axes, places[(colouring.groups == name).to_numpy()], colouring.colours.get(name, GREY), width)
    axes.set_xlim(*_limits(places[:, 0]))
    axes.set_ylim(*_limits(places[:, 1]))
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(True)
    axes.spines[:].set_color("#d9d6ce")


def _limits(values: np.ndarray) -> tuple[float, float]:
    margin = 0.04 * (values.max() - values.min() or 1)
    return values.min() - margin, values.max() + margin


def _dots(axes: Axes, places: np.ndarray, colour: str, width: float) -> None:
    """All dots of a colour as one path of lines without length: a tenth of the bytes of separate marks."""
    path = Path(np.repeat(places, 2, axis=0), np.tile([Path.MOVETO, Path.LINETO], len(places)).astype(np.uint8))
    path.should_simplify = False
    axes.add_patch(PathPatch(path, fill=False, edgecolor=colour, linewidth=width, capstyle="round", alpha=0.85))


def _legend(axes: Axes, colouring: Colouring) -> None:
    named = dict(colouring.colours)
    if colouring.others:
        named[f"{colouring.others} more"] = GREY
    for name, colour in named.items():
        axes.plot([], [], "o", color=colour, markersize=4, label=short(name, 22))
    columns = 2 if len(named) > 1 else 1
    axes.legend(
        loc="upper left", bbox_to_anchor=(-0.03, 0.0), ncols=columns, handlelength=0.8, columnspacing=1.2, fontsize=7.5
    )


def _compact(svg: str) -> str:
    """Coordinates to a hundredth of a point, and dots as the shortest line that draws one."""

    def rounded(found: re.Match[str]) -> str:
        return 'd="' + re.sub(r"([.][0-9]{2})[0-9]+", r"\1", found[1]) + '"'

    return re.sub(r"M (\S+) (\S+) \nL \1 \2 \n", r"M\1 \2h0", re.sub(r'\bd="([^"]*)"', rounded, svg))


def _caption(table: pd.DataFrame, shown: pd.DataFrame, facts: dict, colourings: list[Colouring]) -> str:
    drawn = f" {len(shown):,} of {len(table):,} are drawn, evenly chosen." if len(shown) < len(table) else ""
    site = (
        " Dots that sort themselves by site rather than by class show that the network recognises the site."
        if any(colouring.title == BY_SITE for colouring in colourings)
        else ""
    )
    grey = " Groups beyond the eight most frequent are grey." if any(c.others for c in colourings) else ""
    return (
        f"Each dot is a test sample at the place that the network gives it ({facts['layer']}), squeezed into two "
        f"dimensions.{drawn}{grey} In PCA, distances are real but most of the variance may lie in directions that are "
        "not shown. In t-SNE only close neighbours mean something: the distance between two clouds, their sizes and "
        f"their positions mean nothing, and clouds can appear where there are none.{site}"
    )


def _alt(table: pd.DataFrame) -> str:
    wrong = int((table["correct"] == 0).sum())
    return f"{len(table):,} test samples of {table['target'].nunique()} classes, {wrong:,} of them decided wrongly."
