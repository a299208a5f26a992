"""Pages on the user's own computer: one server, reached from this machine only, that contacts nobody."""

from bedside.web.local import Address, local_app, serve, start

__all__ = ["Address", "local_app", "serve", "start"]
