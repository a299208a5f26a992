"""Everything the app says, it can say in German too, and what stays English is marked as English."""

import ast
import string
from pathlib import Path

import pytest

import bedside.app
from bedside.app.data.page import TITLES
from bedside.app.setting_words import CHOICES, LABELS
from bedside.app.train import forms
from bedside.app.words import german, speaking, t, tongue
from bedside.data.samples import COHORTS
from bedside.models import families

TABLE = {"kind": "table", "task": "binary", "classes": ["well", "sick"], "sites": 3, "time": True, "split": True}


def sentences():
    """Every literal that is handed to t(...) or later(...) in the app."""
    for file in Path(bedside.app.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("t", "later") and node.args:
                said = node.args[0]
                if isinstance(said, ast.Constant):
                    yield file.name, said.value


def fields():
    """Every setting that a form can show, of every family."""
    for name, family in families().items():
        for kind in {"table", "image", "signal"} if "any" in family.kinds else set(family.kinds):
            for entry in forms.entries(name, TABLE | {"kind": kind}).values():
                yield f"{name}: {entry.name}", entry


def said_by_settings():
    """What the form takes from the settings and families themselves: their help and their summaries."""
    yield from ((name, entry.help) for name, entry in fields())
    yield from ((name, family.summary) for name, family in families().items())


def named(sentence):
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def test_every_sentence_has_a_german_one_with_the_same_values():
    assert {pair for pair in (*sentences(), *said_by_settings()) if pair[1] not in german()} == set()
    assert {said for _, said in sentences() if named(said) != named(german()[said])} == set()


def test_built_in_cohorts_have_the_titles_that_are_translated():
    assert {name: cohort.title for name, cohort in COHORTS.items() if name in TITLES} == TITLES


def test_no_german_sentence_is_left_over():
    assert set(german()) - {said for _, said in (*sentences(), *said_by_settings())} == set()


def test_every_setting_and_every_choice_of_a_menu_has_words():
    shown = {entry.name: entry for _, entry in fields()}
    assert set(shown) - set(LABELS) == set()
    assert set(CHOICES) - set(shown) == set()
    for name, entry in shown.items():
        if entry.options:
            assert set(entry.options) - {"auto"} <= set(CHOICES[name]), name


def test_words_are_said_in_the_language_of_whoever_listens():
    assert t("Data") == "Data"
    with speaking("de"):
        assert t("Look: {look}", look=t("dark")) == "Aussehen: dunkel"


@pytest.mark.parametrize(
    "sentence", ["Age: 'old' is not a number.", "There is no such column.", "1 sample is unusual."]
)
def test_what_stays_english_on_a_german_page_is_marked(sentence):
    assert tongue(sentence) is None
    with speaking("de"):
        assert tongue(sentence) == "en"


def test_what_is_german_or_only_numbers_is_not_marked():
    with speaking("de"):
        for said in (t("Open"), t("{n} minutes", n=3), t("Report of {run}", run="a b"), "0.91 [0.85, 0.95]", ""):
            assert tongue(said) is None, said
