"""The page of a served model: it draws its document, lets one try it with files too, and asks nobody else."""

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from bedside.web import start
from report_runs import chromium
from served_models import app_of, served_images, served_table  # noqa: F401

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser():
    with chromium() as launched:
        yield launched


def opened(browser, run):
    """The page, and what it asked and complained about."""
    address, page, seen = start(app_of(run)), browser.new_page(), []
    page.on("console", lambda message: seen.append(message.text))
    page.on("pageerror", lambda error: seen.append(str(error)))
    page.on("request", lambda one: None if one.url.startswith((address.url, "data:")) else seen.append(one.url))
    page.goto(f"{address.url}/docs")
    page.get_by_role("heading", name="Score samples").wait_for()
    return page, seen


def test_the_example_and_a_csv_of_ones_own_are_answered(browser, served_table, tmp_path):  # noqa: F811
    page, seen = opened(browser, served_table)
    part = page.get_by_role("region", name="POST /v1/predict")
    part.get_by_role("button", name="Try it").click()
    part.get_by_text("Status 200").wait_for()
    expect(part.get_by_label("Answer")).to_contain_text('"notice": "Research and teaching only')
    (tmp_path / "new.csv").write_text("dose;age\n1,5;50\n")
    part.get_by_label("Or a CSV of your own").set_input_files(tmp_path / "new.csv")
    part.get_by_role("button", name="Try it").click()
    part.get_by_text("Status 422").wait_for()
    expect(part.get_by_label("Answer")).to_contain_text("?separator=;")
    expect(page.get_by_text("outcome: well, sick")).to_be_visible()
    assert [one for one in seen if "422" not in one] == []  # browsers write refusals to the console


def test_maps_of_images_are_drawn(browser, served_images, tmp_path):  # noqa: F811
    page, seen = opened(browser, served_images)
    Image.fromarray(np.full((32, 32, 3), 90, np.uint8)).save(tmp_path / "spot.png")
    part = page.get_by_role("region", name="POST /v1/explain")
    part.get_by_label("Or images of your own").set_input_files(tmp_path / "spot.png")
    part.get_by_role("button", name="Try it").click()
    picture = part.get_by_role("img", name="Where the evidence lies")
    picture.wait_for()
    assert picture.evaluate("one => one.decode().then(() => one.naturalWidth)") > 0
    expect(part.get_by_text("spot.png: evidence for large")).to_be_visible()
    expect(part.get_by_label("Answer")).to_contain_text("(drawn above)")
    assert seen == []
