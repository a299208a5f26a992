"""The report states the operating point as estimates.json holds it, and an older run without it makes a report too."""

import re

import pytest

from bedside.cohort import Estimate
from bedside.evaluation import evaluate
from bedside.folder import Run, write_json
from bedside.report.html import write_report
from bedside.report.operating import CELLS, point
from bedside.settings import EvaluationSettings
from report_runs import BINARY, make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Three repeats, judged anew with a bound that is out of reach and a stated prevalence."""
    made = make_run(tmp_path_factory.mktemp("run"), BINARY, repeats=3)
    rules = {"threshold": "sensitivity", "threshold_value": 0.97, "threshold_bound": "lower", "prevalence": 0.02}
    settings = EvaluationSettings(resamples=100, **rules)
    write_json(made.path / "estimates.json", evaluate(made.predictions, BINARY, settings, seed=0))
    return Run(made.path)


def section(run, name):
    text = write_report(run).read_text(encoding="utf-8")
    found = re.search(rf'<section id="{name}">.*?</section>', text, re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[0])) if found else ""


def test_the_section_says_rule_problem_and_every_number_with_its_interval(run):
    text, known = section(run, "operating"), run.estimates["operating"]
    assert " ".join(known["chosen_by"].split()) in text
    assert known["problem"] in text
    assert "As stated: 2 %" in text.replace("\xa0", " ")
    wanted = [
        e
        for e in run.estimates["estimates"]
        if e["metric"].split("_")[0] in ("sensitivity", "specificity", "ppv", "npv")
    ]
    assert len(wanted) == 6
    shown = [Estimate.from_dict(record) for record in wanted]
    shown += [cell for row in point(run)["counts"] for cell in row["cells"]]
    for estimate in shown:
        value, _, interval = estimate.text().partition(" [")
        assert f"{value} [{interval}" in text, estimate.metric
    assert len(point(run)["counts"]) == len(CELLS)


def test_repeats_stand_beside_the_interval_for_other_patients(run):
    text = section(run, "learning")
    auroc = next(record for record in run.estimates["over_repeats"] if record["metric"] == "auroc")
    assert Estimate.from_dict(auroc).text() in text
    assert "does not say how sure the number is" in text


def test_an_older_run_without_an_operating_point_has_a_report(run):
    whole = run.estimates
    older = {key: value for key, value in whole.items() if key not in ("operating", "over_repeats")}
    write_json(run.path / "estimates.json", older)
    assert point(Run(run.path)) is None
    assert section(Run(run.path), "operating") == ""
    assert "does not say how sure" not in section(Run(run.path), "learning")
    write_json(run.path / "estimates.json", whole)


@pytest.mark.parametrize("rule", ["youden", "net_benefit"])
def test_the_source_of_the_rule_stands_in_small_print_and_not_in_the_sentence(run, rule):
    whole = run.estimates
    settings = EvaluationSettings(
        resamples=100, threshold=rule, **({"threshold_value": 0.2} if rule != "youden" else {})
    )
    judged = evaluate(run.predictions, BINARY, settings, seed=0)
    write_json(run.path / "estimates.json", judged)
    try:
        shown = point(Run(run.path))
        assert "doi:" in judged["operating"]["chosen_by"]
        assert "doi:" not in shown["sentence"]
        assert shown["source"] in judged["operating"]["chosen_by"]
        assert re.sub(r"\W", "", shown["source"]) in re.sub(r"&\w+;|\W", "", section(Run(run.path), "operating"))
    finally:
        write_json(run.path / "estimates.json", whole)
