"""Radicale with its user from REMOTE_USER; its own configuration wants an object."""

import radicale


def make(folder):
    config = radicale.config.load()
    config.update(
        {"auth": {"type": "remote_user"}, "storage": {"filesystem_folder": folder}},
        "wsgi_auth",
        privileged=True,
    )
    return radicale.Application(config)
