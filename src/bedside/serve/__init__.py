"""A run's model behind an address: REST on FastAPI, for hospitals and for programs.

    app = serve_app("runs/heart")          # an ASGI application; `bedside serve runs/heart` runs it

Routes are plain ASGI functions and their OpenAPI document is made from the model's own features, so that a request costs
little more than its arithmetic: no data frame and no validation library stands in the way of an ordinary row.
"""

from bedside.serve.app import serve_app
from bedside.serve.errors import CODES
from bedside.serve.shelf import Shelf

__all__ = ["CODES", "Shelf", "serve_app"]
