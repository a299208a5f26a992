"""The guards before every server: who may ask, under which name, from which page, and how much."""

import http.client
import logging
import re
import time
from contextlib import closing, suppress

import pytest
from fastapi import FastAPI, HTTPException, Request, WebSocket
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from typer.testing import CliRunner

from bedside.cli import app as cli
from bedside.data.files import read_file
from bedside.errors import BedsideError, SettingError
from bedside.settings import DataSettings
from bedside.web import Limits, local_app, serve, start, token_for
from bedside.web.access import Access, same
from bedside.web.archives import unpack
from bedside.web.headers import policy_text
from bedside.web.names import Names, is_loopback
from bedside.web.uploads import Uploads

TOKEN = "a-token-of-the-tests-0123456789"
HERE = "http://127.0.0.1:8000"
WS = "ws://127.0.0.1:8000/ws"


def app_with(**options) -> FastAPI:
    app = local_app("test", **options)

    @app.get("/")
    def hello(q: str = "") -> dict:
        return {"hello": q}

    @app.post("/body")
    async def body(request: Request) -> dict:
        return {"read": len(await request.body())}

    @app.get("/defect")
    def defect() -> None:
        raise KeyError("Mrs. Planted-Name")

    @app.websocket("/ws")
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("hello")
        await websocket.close()

    return app


def client(base_url=HERE, **options) -> TestClient:
    return TestClient(app_with(**options), base_url=base_url, follow_redirects=False)


@pytest.fixture
def no_pause(monkeypatch):
    monkeypatch.setattr("bedside.web.access.PAUSE", 0)


# The token


def test_a_server_of_this_machine_needs_no_token_and_any_other_does():
    assert token_for("127.0.0.1", None) is None
    assert token_for("localhost", None) is None
    first, second = token_for("0.0.0.0", None), token_for("192.0.2.7", None)
    assert first != second
    assert min(len(first or ""), len(second or "")) >= 40  # 256 random bits
    assert token_for("127.0.0.1", "new") not in (None, "new")
    assert token_for("0.0.0.0", TOKEN) == TOKEN
    for weak in ("short", "", "with a space in the middle of it", "ümläüte-und-mehr-davon"):
        with pytest.raises(SettingError, match="A token needs 16 or more letters"):
            token_for("0.0.0.0", weak)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "hospital.example", ""])
def test_no_server_listens_for_others_without_a_token(host):
    assert not is_loopback(host)
    with pytest.raises(SettingError, match="other machines reach this server, so it needs a token"):
        serve(app_with(), host=host)


def test_without_the_token_nothing_is_told(no_pause):
    asked = client(token=TOKEN)
    for path in ("/", "/body", "/nothing", "/openapi.json"):
        assert asked.get(path).status_code == 401
    assert asked.post("/body", content=b"x").json()["error"].startswith("This server asks for a token")
    assert asked.get("/", headers={"authorization": "Bearer wrong"}).status_code == 401
    assert asked.get("/?token=wrong").status_code == 401
    assert asked.get("/", headers={"authorization": f"Bearer {TOKEN}"}).json() == {"hello": ""}
    with pytest.raises(WebSocketDisconnect), asked.websocket_connect(WS):
        pass
    page = asked.get("/", headers={"accept": "text/html"})
    assert "<h1>A token, please</h1>" in page.text


def test_a_token_in_an_address_becomes_a_cookie_and_leaves_the_address():
    asked = client(token=TOKEN)
    answered = asked.get(f"/?q=a%20b&token={TOKEN}")
    assert answered.status_code == 303
    assert answered.headers["location"] == "/?q=a+b"
    cookie = answered.headers["set-cookie"]
    assert TOKEN not in cookie
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert TOKEN not in answered.text
    assert asked.get("/?q=1").json() == {"hello": "1"}  # the client keeps the cookie
    with asked.websocket_connect(WS) as talk:
        assert talk.receive_text() == "hello"
    assert asked.get("/?token=old&q=1").headers["location"] == "/?q=1"  # a bookmark of an old token


def test_the_exchange_leads_nowhere_else():
    for path in ("//elsewhere.example/", "/\\elsewhere.example/", "///elsewhere.example"):
        answered = client(token=TOKEN).get(f"{HERE}{path}?token={TOKEN}")
        assert re.fullmatch(r"/(?![/\\]).*", answered.headers["location"])


def test_cookies_of_two_servers_on_one_machine_do_not_meet():
    scope = {"type": "http", "headers": [], "server": ("127.0.0.1", 8000)}
    one, other = (Access(None, token).proof for token in (TOKEN, TOKEN + "x"))
    assert one != other
    assert not same("", "")
    assert Access._cookie({**scope, "headers": [(b"cookie", b"bedside-8001=x; a=b")]}) == ""
    assert Access._cookie({**scope, "headers": [(b"cookie", b"bedside-8000=x; a=b")]}) == "x"


def test_wrong_tokens_are_slow_and_then_not_even_looked_at(monkeypatch):
    monkeypatch.setattr("bedside.web.access.PAUSE", 0.05)
    asked = client(token=TOKEN)
    before = time.monotonic()
    wrong = {"authorization": "Bearer wrong-wrong-wrong-wrong"}
    assert [asked.get("/", headers=wrong).status_code for _ in range(10)] == [401] * 10
    assert time.monotonic() - before > 0.5
    answered = asked.get("/", headers={"authorization": f"Bearer {TOKEN}"})
    assert answered.status_code == 429
    assert answered.headers["retry-after"] == "60"
    now = time.monotonic()
    monkeypatch.setattr("bedside.web.access.time.monotonic", lambda: now + 61)
    assert asked.get("/", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_a_browser_that_is_known_is_not_locked_out_by_somebody_who_guesses(no_pause):
    asked = client(token=TOKEN)
    asked.get(f"/?token={TOKEN}")
    stranger = TestClient(asked.app, base_url=HERE, follow_redirects=False)
    assert {stranger.get("/?token=wrong-wrong-wrong-wrong").status_code for _ in range(12)} == {401, 429}
    assert asked.get("/").status_code == 200


def test_what_is_public_needs_no_token():
    asked = client(token=TOKEN, public=("/",))
    assert asked.get("/").status_code == 200
    assert asked.post("/body").status_code == 401


def test_an_address_does_not_show_its_token():
    from bedside.web import Address

    address = Address(8000, token=TOKEN)
    assert TOKEN not in repr(address) + str(address) + address.url
    assert address.door("/play/") == f"http://127.0.0.1:8000/play/?token={TOKEN}"


# Names and origins


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8000", 200),
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("localhost.:8000", 200),
        ("[::1]:8000", 200),
        ("evil.example", 400),
        ("127.0.0.1.evil.example", 400),
        ("192.0.2.7", 400),
        ("127.0.0.1@evil.example", 400),
        ("evil.example/127.0.0.1", 400),
        ("evil.example@127.0.0.1", 400),
        ("[::1", 400),
        ("", 400),
    ],
)
def test_only_the_names_of_this_machine_are_answered(host, status):
    assert client().get("/", headers={"host": host}).status_code == status


def test_two_names_for_one_request_are_refused():
    """Of two a proxy may have looked at the other one."""
    for first, second in (("127.0.0.1", "evil.example"), ("127.0.0.1", "127.0.0.1")):
        assert client().get("/", headers=[("host", first), ("host", second)]).status_code == 400


def test_with_a_token_numbers_and_named_proxies_are_answered_too():
    asked = client(token=TOKEN, names=["bedside.hospital.example"])
    known = {"authorization": f"Bearer {TOKEN}"}
    for host in ("192.0.2.7:8000", "bedside.hospital.example", "127.0.0.1"):
        assert asked.get("/", headers={**known, "host": host}).status_code == 200
    assert asked.get("/", headers={**known, "host": "evil.example"}).status_code == 400


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://127.0.0.1:9999", "https://127.0.0.1.evil.example:8000", "file://", "x"],
)
def test_pages_of_other_origins_are_refused(origin):
    asked = client()
    for ask in (asked.get, asked.post, asked.options):
        assert ask("/", headers={"origin": origin}).status_code == 403
    headers = {"origin": origin}
    with pytest.raises(WebSocketDisconnect), asked.websocket_connect(WS, headers=headers):
        pass


def test_pages_of_this_server_are_answered_behind_a_proxy_too():
    assert client().post("/body", headers={"origin": HERE}).json() == {"read": 0}
    headers = {"origin": HERE}
    with client().websocket_connect(WS, headers=headers) as talk:
        assert talk.receive_text() == "hello"
    assert Names.same("https://b.example", "b.example")
    assert Names.same("https://b.example", "b.example:443")
    assert not Names.same("https://b.example", "b.example:8000")


# Headers


def test_every_answer_bears_the_headers_refusals_and_defects_too():
    asked = client(base_url=HERE)
    for answered in (
        asked.get("/"),
        asked.get("/nothing"),
        asked.get("/", headers={"host": "evil.example"}),
        asked.get("/defect"),
        asked.post("/body", content=b"x", headers={"content-length": str(10**12)}),
    ):
        assert answered.headers["content-security-policy"] == policy_text("pages")
        assert answered.headers["x-frame-options"] == "DENY"
        assert answered.headers["x-content-type-options"] == "nosniff"
        assert answered.headers["referrer-policy"] == "no-referrer"
        assert answered.headers["cross-origin-opener-policy"] == "same-origin"
        assert answered.headers["permissions-policy"].startswith("camera=()")
        assert "access-control-allow-origin" not in answered.headers
        assert "server" not in answered.headers


def test_policies_let_no_script_in_but_ours():
    for name in ("pages", "figures", "app"):
        policy = dict(part.split(" ", 1) for part in policy_text(name, "N").split("; "))
        assert policy["default-src"] == "'self'"
        assert policy["object-src"] == policy["base-uri"] == "'none'"
        assert "unsafe-inline" not in policy.get("script-src", "")
        assert not re.search(r"(?<!-)https?://(?!localhost|127\.0\.0\.1)|\*(?<!:\*)", policy_text(name))
    assert "frame-ancestors 'none'" in policy_text("pages")
    assert "frame-ancestors 'self'" in policy_text("app", "N")
    assert "http://localhost:*" in policy_text("figures")
    assert policy_text("report").startswith("sandbox allow-scripts; default-src 'none'")


def test_each_page_of_the_app_has_a_nonce_of_its_own():
    from bedside.web.headers import NONCE

    app = local_app("test", policy="app")

    @app.get("/")
    def nonce(request: Request) -> str:
        return request.scope[NONCE]

    asked = TestClient(app, base_url=HERE)
    answers = [asked.get("/") for _ in range(2)]
    assert all(f"'nonce-{one.json()}'" in one.headers["content-security-policy"] for one in answers)
    assert answers[0].json() != answers[1].json()


def test_a_nonce_is_given_to_inline_scripts_of_the_template_only():
    from bedside.web.nonces import marked

    source = '<script type="module">a</script><script defer src="x.js"></script>{{ body_html | safe }}'
    assert marked(source).count("nonce") == 2  # the attribute and the name in the scope
    assert '<script defer src="x.js">' in marked(source)


# Sizes


def parts(size, of=1000):
    for _ in range(size // of):
        yield b"x" * of


def test_a_body_that_is_too_large_is_refused_while_it_arrives():
    asked = client(limits=Limits(body=10_000, json=100))
    assert asked.post("/body", content=b"x" * 10_000).json() == {"read": 10_000}
    assert asked.post("/body", content=parts(10_000)).json() == {"read": 10_000}  # no Content-Length
    for content in (b"x" * 10_001, parts(20_000)):
        answered = asked.post("/body", content=content)
        assert answered.status_code == 413
        assert answered.json()["error"].startswith("That is larger than 10,000 bytes")
    assert asked.post("/body", json="x" * 200).status_code == 413


def test_the_reading_ends_where_the_limit_is():
    """A client that sends without end is not listened to without end; the server lives on."""
    address = start(app_with(limits=Limits(body=10_000)))
    with closing(http.client.HTTPConnection(address.host, address.port, timeout=10)) as talk:
        talk.putrequest("POST", "/body")
        talk.putheader("Transfer-Encoding", "chunked")
        talk.endheaders()
        with suppress(ConnectionError):  # the server hung up
            for _ in range(2000):
                talk.send(b"3e8\r\n" + b"x" * 1000 + b"\r\n")
        with suppress(ConnectionError):
            assert talk.getresponse().status == 413
    with closing(http.client.HTTPConnection(address.host, address.port, timeout=10)) as again:
        again.request("GET", "/")
        assert again.getresponse().status == 200


def test_the_form_of_a_refusal_is_the_servers():
    asked = client(limits=Limits(body=10), form=lambda status, words: {"code": status, "said": words})
    assert asked.post("/body", content=b"x" * 11).json()["code"] == 413
    assert asked.get("/", headers={"host": "evil.example"}).json()["code"] == 400


# Logs


def test_a_defect_is_told_without_what_it_read(caplog):
    with caplog.at_level(logging.DEBUG):
        answered = client().get("/defect")
    assert answered.status_code == 500
    assert "KeyError" in answered.json()["error"]
    assert "Planted" not in answered.text + caplog.text
    assert "KeyError in" in caplog.text


@pytest.mark.parametrize("name", ["uvicorn.error", "nicegui", "asyncio"])
def test_logs_of_the_servers_libraries_quote_nothing(name, caplog):
    local_app("test")
    log = logging.getLogger(name)
    with caplog.at_level(logging.DEBUG, logger=name):
        try:
            raise ValueError("could not convert 'Planted-Name' to a number")
        except ValueError as error:
            log.exception("Exception in ASGI application\n")
            log.exception(error)
            log.error("Task exception was never retrieved\nfuture: <Task exception=%r>", error, exc_info=error)
            log.error("Task exception was never retrieved\nfuture: <Task exception=%r>", error)
    assert len(caplog.records) in (3, 4)
    assert "Planted" not in caplog.text
    assert "ValueError in" in caplog.text


def test_a_real_server_logs_no_address_and_no_token(capfd, no_pause):
    address = start(app_with(token=TOKEN))
    for path in (f"/?token={TOKEN}", "/?q=Planted-Name", "/?token=wrong-Planted-Name"):
        with closing(http.client.HTTPConnection(address.host, address.port, timeout=10)) as talk:
            talk.request("GET", path)
            assert TOKEN not in talk.getresponse().read().decode()
    said = "".join(capfd.readouterr())
    assert TOKEN not in said
    assert "Planted" not in said


def test_an_address_that_this_machine_has_not_is_said():
    with pytest.raises(BedsideError, match="has no address"):
        serve(app_with(token=TOKEN), host="192.0.2.7")


@pytest.mark.parametrize(
    ("name", "content", "status"),
    [
        ("Planted-Name.svg", b"<svg/>", 422),
        ("Planted-Name.csv", b"sample,age\nPlanted-Name,1\nPlanted-Name,2,3\n", 422),
        ("Planted-Name.csv", b"sample,Planted-Name\n\xff,1\n", 422),
        ("Planted-Name.xlsx", b"PK\x03\x04Planted-Name", 422),
        ("Planted-Name.zip", b"Planted-Name", 422),
        ("Planted-Name.csv", b"name\nPlanted-Name\n", 500),
        ("Planted-Name.csv", b"x" * 20_001, 413),
    ],
)
def test_no_log_holds_what_was_in_an_upload(name, content, status, tmp_path, capfd, caplog):
    """Neither its name nor its cells, whatever is wrong with it; the words of the answer may."""
    app = app_with(limits=Limits(body=20_000))
    uploads = Uploads(tmp_path)

    @app.post("/upload/{name}")
    async def upload(name: str, request: Request) -> dict:
        try:
            kept = await uploads.stream(name, request.stream())
            if kept.path.suffix == ".zip":
                unpack(kept.path, tmp_path / "out")
            frame = read_file(kept.path, DataSettings())
        except BedsideError as error:
            raise HTTPException(422, str(error)) from None
        return {"mean": frame["name"].astype(float).mean()}  # could not convert string to float: 'Planted-Name'

    with uploads:
        address = start(app)
        with closing(http.client.HTTPConnection(address.host, address.port, timeout=10)) as talk:
            talk.request("POST", f"/upload/{name}", body=content)
            assert talk.getresponse().status == status
    said = "".join(capfd.readouterr()) + caplog.text
    assert "Planted" not in said
    assert ("ValueError in" in said) == (status == 500)


@pytest.mark.parametrize("verb", [["serve", "runs/none"], ["app", "--no-open"]])
def test_a_token_may_come_from_a_variable_that_others_cannot_read(verb, tmp_path, monkeypatch):
    """Command lines can be read by every user of a computer, a process's variables cannot."""
    monkeypatch.chdir(tmp_path)
    found = CliRunner().invoke(cli, verb, env={"BEDSIDE_TOKEN": "short"})
    assert "has 5 characters" in str(found.exception)
