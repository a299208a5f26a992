"""Pages of comparison, learning curve and tuning tell what their folders hold, and no difference that is not there."""

import json
import re
from dataclasses import replace
from html import unescape
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from bedside.cohort import Estimate
from bedside.errors import RunError
from bedside.folder import Run, write_json, write_yaml
from bedside.report.candidate_tables import matrix, varied_settings
from bedside.report.candidates import ALIKE, pairs_of, ranked
from bedside.report.comparison import split_sentence, write_comparison
from bedside.report.experiment import train_command
from bedside.report.interval_rows import limits
from bedside.report.learning_curve import ANSWERS, write_curve
from bedside.report.overlaid_figures import apart, mean_curve
from bedside.report.tuning import write_tuning
from bedside.report.tuning_tables import stability
from bedside.report.words import p_text, p_words
from experiment_folders import SPACE, make_comparison, make_curve, make_tuning
from report_runs import BINARY, NASTY, TASKS, Page, chromium

pytestmark = pytest.mark.figures

LONG = "a_family_with_a_very_long_name_that_never_ends_and_has_no_space_at_all"
SKILLS = {"$x$ of two\nlines": 1.0, "mlp": 2.2, "boosting": 2.1, LONG: 0.5, NASTY: 0.1}
GRID = {
    f"learning_rate={rate:g} epochs={epochs} hidden=[{width},{width}]": {
        "family": "mlp", "train.learning_rate": rate, "train.epochs": epochs, "model.hidden": [width, width],
    }
    for rate in (1e-4, 1e-3, 1e-2, 1e-1, 1.0) for epochs in (10, 30) for width in (16, 32, 64, 128)
}  # fmt: skip


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """One page of each kind, and comparisons with a planted difference, with none, and with forty candidates: {name: path}."""
    make = tmp_path_factory.mktemp
    equal = dict.fromkeys(("logistic", "mlp", "boosting"), 1.5)
    return {
        "differ": write_comparison(make_comparison(make("differ"), BINARY, SKILLS, n=300, networks=("mlp", NASTY))),
        "equal": write_comparison(make_comparison(make("equal"), BINARY, equal)),
        "forty": write_comparison(
            make_comparison(make("forty"), BINARY, dict.fromkeys(GRID, 1.5), varied=GRID, networks=GRID, n=80, repeats=1)
        ),
        "multiclass": write_comparison(make_comparison(make("many"), TASKS["multiclass"], {"a": 1.0, "b": 2.0})),
        "regression": write_comparison(make_comparison(make("number"), TASKS["regression"], {"a": 0.9, "b": -3.0})),
        "curve": write_curve(make_curve(make("curve"))),
        "tuning": write_tuning(make_tuning(make("tuning"))),
    }  # fmt: skip


def text_of(path):
    return path.read_text(encoding="utf-8")


def words_of(path):
    """What is there to read, without figures and tags."""
    body = re.sub(r"<svg.*?</svg>|<style.*?</style>", "", text_of(path), flags=re.DOTALL)
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)))


def rows_of(path, table):
    """Text of the cells of a table, row by row."""
    body = text_of(path).partition(f'id="{table}"')[2].partition("<tbody>")[2].partition("</tbody>")[0]
    rows = re.findall(r"<tr.*?</tr>", body, re.DOTALL)
    cells = [re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL) for row in rows]
    return [[unescape(re.sub(r"<[^>]+>", " ", cell)).split() for cell in row] for row in cells]


def record_of(path, name):
    return json.loads((path.parent / name).read_text(encoding="utf-8"))


# Every page


def test_user_text_cannot_act_as_html(pages):
    for path in pages.values():
        assert "<script" not in text_of(path)
        assert "<i>c" not in text_of(path)
        assert "&lt;script&gt;alert" in text_of(path)


def test_every_page_says_twice_what_it_is_not(pages):
    for path in pages.values():
        assert text_of(path).count("Research and teaching only; not a medical device") == 2


def test_nothing_is_loaded_and_nothing_runs(pages):
    for path in pages.values():
        page = Page(text_of(path))
        for tag, found in page.elements:
            assert tag not in ("script", "iframe", "object", "embed", "base")
            assert not {"src", "srcset", "onclick", "onload", "data"} & set(found)
            if "href" in found:
                assert found["href"].startswith("#") or (tag, found["href"]) == ("link", "data:,")
        policy = next(found["content"] for tag, found in page.elements if "http-equiv" in found)
        assert "default-src 'none'" in policy
        assert "script-src" not in policy


def test_ids_are_unique_and_every_reference_inside_the_page_leads_somewhere(pages):
    for path in pages.values():
        elements = Page(text_of(path)).elements
        ids = [found["id"] for _, found in elements if "id" in found]
        assert len(ids) == len(set(ids))
        links = [found[key] for _, found in elements for key in ("href", "xlink:href") if key in found]
        assert {link[1:] for link in links if link.startswith("#")} <= set(ids)


def test_headings_do_not_skip_a_level_and_scrolling_tables_can_be_reached(pages):
    for path in pages.values():
        elements = Page(text_of(path)).elements
        levels = [int(tag[1]) for tag, _ in elements if re.fullmatch(r"h[1-6]", tag)]
        assert levels[0] == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        scrolling = [found for _, found in elements if found.get("class") == "scroll"]
        assert all(found["tabindex"] == "0" and found["aria-label"] for found in scrolling)
        assert (
            len(scrolling) == sum(tag == "table" for tag, _ in elements) == sum(tag == "thead" for tag, _ in elements)
        )


def test_figures_are_named_for_screen_readers_and_lie_beside_the_page_once(pages):
    for path in pages.values():
        elements = Page(text_of(path)).elements
        figures = {found["id"].removeprefix("figure-") for tag, found in elements if tag == "figure"}
        assert figures == {file.stem for file in (path.parent / "figures").glob("*.svg")}
        named = [found for tag, found in elements if tag == "svg"]
        assert all(found["role"] == "img" and found["aria-label"] for found in named)


def test_pages_are_small_and_the_same_bytes_again(pages):
    writers = {"comparison.html": write_comparison, "curve.html": write_curve, "tuning.html": write_tuning}
    for path in pages.values():
        assert path.stat().st_size < 2_000_000
    for name in ("differ", "curve", "tuning"):
        path = pages[name]
        files = [path, *sorted((path.parent / "figures").glob("*.svg"))]
        before = [file.read_bytes() for file in files]
        writers[path.name](Run(path.parent))
        assert [file.read_bytes() for file in files] == before


@pytest.mark.parametrize(
    ("make", "write", "verb", "result"),
    [
        (lambda folder: make_comparison(folder, BINARY, {"a": 1, "b": 1}), write_comparison, "compare", "comparison.json"),
        (make_curve, write_curve, "curve", "curve.json"),
        (make_tuning, write_tuning, "tune", "tuning.json"),
    ],
)  # fmt: skip
def test_unfinished_experiment_is_refused_with_the_way_on_and_nothing_is_written(tmp_path, make, write, verb, result):
    make(tmp_path)
    (tmp_path / result).unlink()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(RunError, match=rf"no {result}.*not finished.*bedside {verb} --resume"):
        write(Run(tmp_path))
    assert sorted(tmp_path.rglob("*")) == before


def test_data_are_named_in_the_command_only_where_the_settings_do_not(tmp_path):
    home = tmp_path / "my runs"
    write_yaml(home / "asked.yaml", {"shared": {"source": "my table.csv"}})
    write_yaml(home / "fits/01/settings.yaml", {"family": "mlp", "source": "my table.csv"})
    write_yaml(home / "fits/02/settings.yaml", {"family": "mlp"})
    first, second = (train_command(Run(home), f"fits/{number}/settings.yaml") for number in ("01", "02"))
    assert first == "bedside train --settings 'my runs/fits/01/settings.yaml'"
    assert second == "bedside train 'my table.csv' --settings 'my runs/fits/02/settings.yaml'"


# Comparison


def test_every_candidate_stands_in_the_table_with_its_interval_best_first(pages):
    record = record_of(pages["differ"], "comparison.json")
    rows = rows_of(pages["differ"], "candidate-table")
    wanted = sorted(
        ((e["value"], c["name"], Estimate.from_dict(e).text()) for c in record["candidates"] for e in c["estimates"] if e["metric"] == "auroc"),
        reverse=True,
    )  # fmt: skip
    assert len(rows) == len(wanted)
    for row, (_, name, text) in zip(rows, wanted, strict=True):
        shown = " ".join(word for cell in row for word in cell).replace("−", "-")
        value, _, interval = text.partition(" ")
        assert value in shown
        assert interval in shown
        assert " ".join(name.split()) in shown


def test_a_planted_difference_is_named_and_the_words_follow_the_ranking(pages):
    record = record_of(pages["differ"], "comparison.json")
    best = record["ranking"]["best"]
    for row in ranked(record):
        assert row.worse == (row.name not in best)
        assert row.status == ("worse" if row.worse else ALIKE if row.name != best[0] else row.status)
    differing = sum(pair["verdict"] != ALIKE for pair in record["pairs"])
    assert differing > 0
    words = words_of(pages["differ"])
    assert f"{differing} of {len(record['pairs'])} pairs can be told apart." in words
    matrix_text = text_of(pages["differ"]).partition('id="matrix"')[2].partition("<tbody>")[2].partition("</table>")[0]
    assert matrix_text.count('class="tone"') == differing


def test_where_nothing_can_be_told_apart_nobody_is_best(pages):
    for name in ("equal", "forty"):
        record, words = record_of(pages[name], "comparison.json"), words_of(pages[name])
        assert record["ranking"]["order"] is None
        assert {row.status for row in ranked(record)} == {ALIKE}
        assert "can be told apart: not distinguishable." in words
        assert "best estimate" not in words
        assert 'class="tone"' not in text_of(pages[name]).partition("</style>")[2]
        assert 'class="worse"' not in text_of(pages[name])


def test_pairs_are_turned_whole_so_that_the_higher_estimate_comes_first(pages):
    record = record_of(pages["differ"], "comparison.json")
    rows = ranked(record)
    given = {frozenset((pair["first"], pair["second"])): pair for pair in record["pairs"]}
    value = {row.name: row.estimate.value for row in rows}
    for pair in pairs_of(record, rows):
        one = given[frozenset((pair.first, pair.second))]
        sign = 1 if one["first"] == pair.first else -1
        assert value[pair.first] >= value[pair.second]
        assert pair.difference.value == pytest.approx(sign * one["difference"]["value"])
        assert pair.difference.low < pair.difference.value < pair.difference.high
        assert pair.difference.high - pair.difference.low == pytest.approx(
            one["difference"]["high"] - one["difference"]["low"]
        )
        assert pair.delong.value == pytest.approx(sign * one["delong"]["difference"])
        assert (pair.verdict == one["verdict"]) == (sign == 1 or one["verdict"] == ALIKE)
        assert (pair.p, pair.p_adjusted, pair.delong_p) == (one["p"], one["p_adjusted"], one["delong"]["p"])


def test_the_matrix_holds_every_pair_once_and_only_of_a_dozen(pages):
    for name, there in (("differ", True), ("forty", False)):
        record = record_of(pages[name], "comparison.json")
        rows = ranked(record)
        found = matrix(rows, pairs_of(record, rows))
        assert (found is not None) == there == ('id="matrix"' in text_of(pages[name]))
        if found:
            assert sum(len(row["cells"]) for row in found["rows"]) == len(record["pairs"])
    assert "The other 741 pairs were tested too" in words_of(pages["forty"])
    assert len(rows_of(pages["forty"], "pairs-with-best")) == 39


def test_each_test_is_named_with_its_source(pages):
    words = words_of(pages["differ"])
    for source in ("doi:10.1023/A:1024068626366", "doi:10.2307/2531595", "Holm 1979"):
        assert source in words
    assert "DeLong" not in words_of(pages["regression"])


def test_settings_of_a_grid_are_columns(pages):
    head = text_of(pages["forty"]).partition('id="candidate-table"')[2].partition("</thead>")[0]
    for name in ("train.learning_rate", "train.epochs", "model.hidden"):
        assert f'title="{name}"' in head
    assert varied_settings([{"family": "a", "x": 1}, {"family": "a", "x": 2}]) == ["x"]
    assert varied_settings([{"family": "a", "x": 1}, {"family": "a", "x": 1}]) == []  # they would look the same


def test_a_single_fold_is_compared_on_its_patients(tmp_path):
    run = make_comparison(tmp_path, BINARY, {"a": 1.0, "b": 1.1, "c": 1.2}, holdout=True)
    path = write_comparison(run)
    words = words_of(path)
    assert "Tested with DeLong's test on the same test patients" in words
    assert "By DeLong" not in words
    assert "Mean (sd) of folds" not in words


def test_what_was_found_stands_apart_from_how_it_was_tested():
    found, how = "a is best. 2 or 3", "6 pairs were tested with a test on the same 10 folds; p-values are adjusted."
    assert split_sentence(f"{found}. {how}") == (f"{found}.", how)
    assert split_sentence("There is one candidate.") == ("There is one candidate.", "")


def test_a_fold_that_stopped_counts_with_its_last_value():
    history = pd.DataFrame({
        "repeat": 0, "fold": [0, 0, 1, 1, 1, 1], "epoch": [1, 2, 1, 2, 3, 4], "valid_loss": [4.0, 2.0, 4.0, 4.0, 6.0, 8.0], "best": [0, 1, 0, 1, 0, 0],
    })  # fmt: skip
    curve = mean_curve(history, "loss")
    assert curve.epochs.tolist() == [1, 2, 3, 4]
    assert curve.mean.tolist() == [4, 3, 4, 5]
    assert curve.kept == 2
    assert mean_curve(history, "auroc") is None
    assert mean_curve(history.assign(valid_loss=np.inf), "loss") is None


def test_labels_move_apart_and_keep_their_order():
    for heights in ([0.5, 0.5, 0.5], [0.1, 0.9, 0.12], [0.3]):
        moved = apart(heights, 0.05)
        assert np.diff(np.sort(moved)).min(initial=1) >= 0.05 - 1e-6
        assert np.argsort(moved, kind="stable").tolist() == np.argsort(heights, kind="stable").tolist()
    assert apart([0.1, 0.9], 0.05) == [0.1, 0.9]


def test_one_wild_fold_does_not_crush_the_axis():
    estimate = Estimate("r2", 0.8, 0.7, 0.9, 0.95, 10, 10, "")
    low, high = limits([estimate], [np.array([0.75, -400.0])])
    assert -0.1 < low < 0.7
    assert 0.9 < high < 1.2
    low, high = limits([replace(estimate, value=None, low=None, high=None)], [np.array([])])
    assert low < high


def test_p_values_are_written_short():
    assert [p_words(p) for p in (None, 0.00002, 0.65)] == ["not tested", "p < 0.001", "p = 0.65"]
    assert [p_text(p) for p in (None, 0.00002, 0.0046, 0.068, 0.65, 1.0)] == [
        "–",
        "< 0.001",
        "0.005",
        "0.068",
        "0.65",
        "1.00",
    ]


# Learning curve


def test_the_curve_answers_as_its_verdict_says(pages, tmp_path):
    record = record_of(pages["curve"], "curve.json")
    words = words_of(pages["curve"])
    assert ANSWERS[record["growth"]["verdict"]] in words
    for verdict, answer in ANSWERS.items():
        make_curve(tmp_path, skills=(0.9, 1.0))
        changed = {**record_of(tmp_path / "curve.html", "curve.json")}
        changed["growth"]["verdict"] = verdict
        write_json(tmp_path / "curve.json", changed)
        words = words_of(write_curve(Run(tmp_path)))
        assert answer in words
        assert not any(other in words for other in ANSWERS.values() if other != answer)


def test_every_size_stands_in_the_table_smallest_first(pages):
    record, rows = record_of(pages["curve"], "curve.json"), rows_of(pages["curve"], "size-table")
    assert [row[0] for row in rows] == [[f"{size['patients']:,.0f}"] for size in record["candidates"]]
    assert rows[-1][-1] == ["–"]
    assert all(len(row[-1]) == 3 for row in rows[:-1])


def test_beyond_the_data_is_called_a_guess_and_without_a_fit_nothing_is(pages, tmp_path):
    record = record_of(pages["curve"], "curve.json")
    assert record["growth"]["fit"] is not None
    assert "guess" in words_of(pages["curve"])
    words = words_of(write_curve(make_curve(tmp_path, skills=(0.9, 1.0))))
    assert "No curve was fitted." in words
    assert "guess" not in words


def test_a_curve_that_misses_the_last_points_promises_nothing(tmp_path):
    make_curve(tmp_path)
    record = record_of(tmp_path / "curve.html", "curve.json")
    record["growth"]["fit"]["points"] = [[n, 0.5] for n, _ in record["growth"]["fit"]["points"]]
    write_json(tmp_path / "curve.json", record)
    assert "it says nothing of further patients" in words_of(write_curve(Run(tmp_path)))


# Tuning


def test_honest_naive_and_optimism_stand_side_by_side_and_add_up(pages):
    record = record_of(pages["tuning"], "tuning.json")
    block = text_of(pages["tuning"]).partition('class="honest"')[2].partition("</dl>")[0]
    honest, naive, optimism = (float(found) for found in re.findall(r"<b>([^<]+)</b>", block))
    assert naive == pytest.approx(record["naive"]["value"], abs=0.005)
    assert optimism == pytest.approx(naive - honest, abs=0.011)
    assert re.findall(r'class="(honest|naive|optimism)"', block) == ["honest", "naive", "optimism"]
    words = words_of(pages["tuning"])
    assert words.index("Honest AUROC") < words.index("Naive AUROC")
    assert "patients whom the search never saw" in words


def test_a_search_that_did_not_flatter_itself_is_not_said_to(tmp_path):
    words = words_of(write_tuning(make_tuning(tmp_path, naive=0.7, column="disease")))
    assert "here the two hardly differ" in words


def test_every_searched_setting_is_shown_with_its_choice_and_its_scatter(pages):
    record, rows = record_of(pages["tuning"], "tuning.json"), rows_of(pages["tuning"], "chosen-table")
    assert [row[0] for row in rows] == [[name] for name in record["space"]]
    assert len(rows_of(pages["tuning"], "outer-table")) == len(record["outer"]) == 5
    assert "1 could not be trained" in words_of(pages["tuning"])


def test_stability_is_the_scatter_over_the_range_as_it_was_searched():
    assert stability(SPACE["train.learning_rate"], [1e-4, 1e-3]) == "scattered over 50\u00a0% of the range"
    assert stability(SPACE["model.dropout"], [0.1, 0.1]) == "scattered over 0\u00a0% of the range"
    assert stability(SPACE["model.hidden"], [[32], [32], [64, 64]]) == "the same in 2 of 3 folds"
    assert stability(SPACE["model.hidden"], [[32]]) == "–"


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_other_tasks_and_one_setting_only_have_a_page(tmp_path, task):
    space = {"train.learning_rate": SPACE["train.learning_rate"]}
    words = words_of(write_tuning(make_tuning(tmp_path, TASKS[task], space=space, trials=9)))
    assert "What the setting did" in words
    assert f"Honest {'macro AUROC' if task == 'multiclass' else 'R²'}" in words


# In a browser


@pytest.fixture(scope="module")
def browser():
    with chromium() as launched:
        yield launched


@pytest.mark.browser
def test_no_page_scrolls_sideways_or_complains_at_any_width(pages, browser):
    for path in pages.values():
        page = browser.new_page()
        requests, complaints = [], []
        page.on("request", lambda request, seen=requests: seen.append(request.url))
        page.on("console", lambda message, said=complaints: said.append(message.text))
        for width in (360, 768, 1200):
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(path.as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert len(requests) == 3
        assert complaints == []
        page.close()


@pytest.mark.browser
def test_a_phone_sees_the_narrow_figure_and_paper_the_wide_one(pages, browser):
    for name in ("differ", "curve", "tuning"):
        page = browser.new_page(viewport={"width": 390, "height": 900})
        page.goto(pages[name].as_uri())
        wide, narrow = page.locator(".for-wide").first, page.locator(".for-narrow").first
        assert narrow.is_visible()
        assert not wide.is_visible()
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 794, "height": 900})
        assert wide.is_visible()
        assert not narrow.is_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 794
        page.close()
