"""Loopback servers whose authentication is not ours: Authlib, PyJWT, Werkzeug and the standard library.

`live` runs any Flask application on a free port and records what arrives; `api` is the resource they
all protect; the other modules each verify one mechanism. Nothing here imports the package under test.
"""
