"""Every family has a page that says what the code says, with a picture that its script still draws, by day and by night."""

import re
from pathlib import Path

import pytest

from bedside.models import FAMILIES

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = DOCS / "families"
ABOUT = {"index.md", "own.md"}  # pages that are about no family
LEARNT = {
    "mlp",
    "ft-transformer",
    "autoencoder",
    "tvae",
}  # another processor learns slightly other curves, so only their words are compared
pytestmark = pytest.mark.figures

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(DOCS))
    import by_night
    import make_families
    import make_family_figures


def pages():
    return sorted(page for page in PAGES.glob("*.md") if page.name not in ABOUT)


# Pages


def test_what_pages_take_from_the_code_is_what_the_code_says():
    assert make_families.main(["--check"]) == 0, "run `make docs`"


def test_an_outdated_page_is_noticed(tmp_path, monkeypatch, capsys):
    text = (PAGES / "mlp.md").read_text(encoding="utf-8")
    (tmp_path / "mlp.md").write_text(text.replace("| `model.dropout` |", "| `model.drop` |"), encoding="utf-8")
    monkeypatch.setattr(make_families, "PAGES", tmp_path)
    assert make_families.main(["--check"]) == 1
    assert "mlp.md is out of date" in capsys.readouterr().err
    assert make_families.main([]) == 0
    assert (tmp_path / "mlp.md").read_text(encoding="utf-8") == text


def test_every_family_has_a_page_and_every_page_a_family():
    wanted = {make_families.page_of(name) for name in FAMILIES}
    assert {page.stem for page in pages()} == wanted
    index = (PAGES / "index.md").read_text(encoding="utf-8")
    for name in FAMILIES:
        assert f"[`{name}`]({make_families.page_of(name)}.md)" in index
        assert f"`{name}`" in (PAGES / f"{make_families.page_of(name)}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_a_page_has_its_parts(page):
    """Plain words, the picture in words too, the mathematics in about five lines, who wins when, settings, code, a source."""
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings[:2] == ["The mathematics", "When it wins"]
    assert {"Settings", "The code"} <= set(headings)
    ((words, name),) = re.findall(r"!\[([^\]]*)\]\(\.\./figures/families/([\w-]+)\.svg\)", text)
    assert name == page.stem
    assert len(words) > 40
    mathematics = text.partition("## The mathematics")[2].partition("\n## ")[0]
    assert 4 <= len(re.findall(r"^\| `[^|]{5,50}` \| [^|]+ \|$", mathematics, re.MULTILINE)) <= 5
    assert "](https://doi.org/10." in text or "decisions/" in text
    if page.stem != "logistic":
        won = text.partition("## When it wins")[2].partition("\n## ")[0]
        assert "ogistic" in won, "it says when logistic regression, or its like, does better"


# Pictures


def test_every_page_has_its_picture_and_no_picture_is_left():
    kept = {path.stem for path in make_family_figures.FIGURES.glob("*.svg")}
    assert kept == set(make_family_figures.DRAWN) == {page.stem for page in pages()}


def words_of(svg):
    """What is written in a figure, with its numbers apart."""
    written = "\n".join(re.findall(r"<!-- (.*?) -->", svg))
    return re.sub(r"\d+(\.\d+)?", "#", written), [float(one) for one in re.findall(r"\d+(?:\.\d+)?", written)]


def places_of(svg):
    """Every coordinate of its lines and letters."""
    drawn = re.findall(r'\b(?:d|transform)="([^"]*)"', svg)
    return [float(number) for text in drawn for number in re.findall(r"-?\d+(?:\.\d+)?", text)]


@pytest.mark.parametrize("name", make_family_figures.DRAWN)
def test_a_picture_is_what_its_script_draws(name):
    kept = (make_family_figures.FIGURES / f"{name}.svg").read_text(encoding="utf-8")
    again, how = make_family_figures.drawn(name), f"run `python docs/make_family_figures.py {name}`"
    (words, numbers), (new_words, new_numbers) = words_of(kept), words_of(again)
    assert words == new_words, how
    assert numbers == pytest.approx(new_numbers, abs=0.021), how
    if name not in LEARNT:
        places, new_places = places_of(kept), places_of(again)
        assert len(places) == len(new_places), how
        assert places == pytest.approx(new_places, abs=0.5), how


@pytest.mark.parametrize("path", sorted((DOCS / "figures").rglob("*.svg")), ids=lambda path: path.stem)
def test_every_colour_has_one_for_the_dark(path):
    text = path.read_text(encoding="utf-8")
    (rules,) = re.findall(r"@media \(prefers-color-scheme: dark\) \{(.*)\}</style>", text)
    used = {
        found
        for style in re.findall(r'style="([^"]*)"', text)
        for found in re.findall(r"(fill|stroke): (#\w{6})", style)
    }
    assert used
    for what, colour in used:
        assert f'[style*="{what}: {colour}"]{{{what}: {by_night.darkened(colour)} !important}}' in rules


def luminance(colour):
    """Relative luminance of a colour, as the guidelines for readable pages define it (WCAG 2)."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("colour", ["#1c2126", "#5d666f", "#1b5583", "#c4581a", "#8c2f39", "#3b7d4f"])
def test_words_can_be_read_in_the_dark(colour):
    text, paper = luminance(by_night.darkened(colour)), luminance(by_night.darkened("#ffffff"))
    assert (text + 0.05) / (paper + 0.05) >= 4.5
