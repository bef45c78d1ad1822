"""An application protected by configuration alone, for any server: ``wsgi_auth.wsgi:application``.

``WSGI_AUTH_CONFIG=auth.toml gunicorn -w 4 wsgi_auth.wsgi:application``

To import this is to make it: some servers look for the name and ask for nothing. What is only to be
used is in :mod:`wsgi_auth.served`.
"""

from wsgi_auth.served import from_environment

application = from_environment()
