"""The JavaScript client in a page: the model stays in the browser, and says what bedside says."""

import functools
import json
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pandas as pd
import pytest

import bedside
from bedside.export import export
from cohorts import cohort
from export_clients import node_modules, unpacked
from report_runs import chromium

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><meta charset="utf-8"><title>client</title><link rel="icon" href="data:,">
<script type="importmap">
{"imports": {"onnxruntime-web": "./node_modules/onnxruntime-web/dist/ort.wasm.min.mjs"}}
</script>
<script type="module">
  import { load, predict } from "./client.mjs";
  const model = await load(new Uint8Array(await (await fetch("model.onnx")).arrayBuffer()));
  const rows = await (await fetch("rows.json")).json();
  document.body.textContent = JSON.stringify(await predict(model, rows));
</script><body></body>"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def served(tmp_path):
    """Address of the temporary folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_client_scores_in_a_page_and_asks_nobody_else(tmp_path, served):
    settings = {"evaluation": {"resamples": 100, "baseline": False}, "explain": {"samples": 0}}
    run = bedside.train(cohort(60), settings, family="logistic", folder=tmp_path / "run")
    unpacked(export(run, bundle=True).content, tmp_path)
    node_modules(tmp_path)
    rows = cohort(20, seed=4).inputs.frame
    (tmp_path / "rows.json").write_text(rows.to_json(orient="records"))
    (tmp_path / "page.html").write_text(PAGE)
    with chromium() as browser:
        page, asked = browser.new_page(), []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{served}/page.html")
        page.wait_for_function("document.body.textContent.startsWith('[')", timeout=60_000)
        found = pd.DataFrame(json.loads(page.text_content("body")))
    wanted = bedside.predict(run, rows).table
    names = ["score_well", "score_sick"]
    assert np.abs(found[names].to_numpy() - wanted[names].to_numpy()).max() < 1e-5
    assert all(address.startswith((served, "data:", "blob:")) for address in asked), asked
