"""Canaille on 127.0.0.1: ``python canaille_server.py PORT SETTINGS.json``, in its environment.

In memory, with the people and clients of the settings; JavaScript is off, so that a plain client
gets through its pages.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # its own switch for http

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from joserfc.jwk import RSAKey
from parent import end_with_parent


def main(port: int, settings: dict) -> None:
    key = RSAKey.generate_key(2048)
    key.ensure_kid()
    app = create_app(
        config={
            "TESTING": True,
            "ENV_FILE": None,
            "SECRET_KEY": "a key for the cookies of a test",
            "WTF_CSRF_ENABLED": False,
            "PREFERRED_URL_SCHEME": "http",
            "SERVER_NAME": f"127.0.0.1:{port}",
            "CANAILLE": {
                "DATABASE": "memory",
                "JAVASCRIPT": False,
                "ACL": {"DEFAULT": {"PERMISSIONS": ["use_oidc"]}},
            },
            "CANAILLE_OIDC": {"ACTIVE_JWKS": [key.as_dict(private=True)]},
        },
        env_file="",
    )
    with app.app_context():
        for person in settings["people"]:
            Backend.instance.save(models.User(**person))
        for said in settings["clients"]:
            client = models.Client(**said)
            Backend.instance.save(client)
            client.audience = [client]  # without it, "aud" of the ID token is empty
            Backend.instance.save(client)
    make_server("127.0.0.1", port, app, handler_class=Quiet).serve_forever()


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


if __name__ == "__main__":
    end_with_parent()
    main(int(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text()))
