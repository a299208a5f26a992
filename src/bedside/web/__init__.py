"""What the app and the server share: a local server and the guards before it.

What is taken from strangers lies in `web.uploads` and `web.archives`, which read tables and therefore import pandas.
"""

from bedside.web.access import NEW, token_for
from bedside.web.limits import Limits, body_of
from bedside.web.local import HOST, Address, local_app, serve, start

__all__ = ["HOST", "NEW", "Address", "Limits", "body_of", "local_app", "serve", "start", "token_for"]
