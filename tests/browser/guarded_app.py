"""A page of NiceGUI behind the guards, for a browser: prints its address and serves until it is ended."""

import sys

from nicegui import ui

from bedside.web import local_app, serve, token_for


@ui.page("/")
def index() -> None:
    ui.add_head_html("<script>window.planted = 1</script>")
    ui.html('<img src="none.png" onerror="window.planted = 1">', sanitize=False)
    number = ui.label("0").props("id=number")
    ui.button("Count", on_click=lambda: number.set_text(str(int(number.text) + 1)))
    rows = ui.table(columns=[{"name": "a", "label": "A", "field": "a"}], rows=[{"a": 1}])
    rows.add_slot("body-cell-a", '<q-td :props="props">slot {{ props.value }}</q-td>')


app = local_app("guarded", policy="app", token=token_for("127.0.0.1", "new"))
ui.run_with(app, show_welcome_message=False)
address, server, listening = serve(app)
sys.stdout.write(f"{address.door()}\n")
sys.stdout.flush()
server.run(sockets=[listening])
