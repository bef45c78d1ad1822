"""Pyramid in a Paste pipeline: ``development.ini`` puts ``[filter:auth]`` in front of this.

Run it with ``cd examples/pyramid_paste && PYTHONPATH=. pserve development.ini``, or
``gunicorn --paste development.ini`` there, and open the link with ``dev_key`` that it prints.

Recipe::

    [pipeline:main]
    pipeline = auth hello

    [filter:auth]
    use = egg:wsgi_auth
"""

from html import escape

from pyramid.config import Configurator
from pyramid.response import Response

from wsgi_auth import get_auth


def home(request):
    session = request.environ["auth.session"]
    return Response(f"Hello, {escape(session.user['name'] or '') if session else 'stranger'}")


def members(request):
    auth = get_auth(request.environ)
    return Response(
        f"Hello, {escape(auth.session.user['name'] or '')} ({escape(request.remote_user)}). "
        f'<a href="{escape(auth.sign_out_url())}">Sign out</a>'
    )


def admin(request):
    return Response(f"Hello, admin {escape(request.remote_user)}")


def main(global_config, **settings):
    """What ``paste.app_factory`` in the configuration names."""
    with Configurator(settings=settings) as config:
        for path, view in (("/", home), ("/members", members), ("/admin", admin)):
            config.add_route(view.__name__, path)
            config.add_view(view, route_name=view.__name__)
        return config.make_wsgi_app()
