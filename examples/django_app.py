"""Django: straight into ``/admin/`` as the user that ``REMOTE_USER`` names.

Run it with ``python examples/django_app.py``, or ``cd examples && gunicorn
django_app:application``, and open the link with ``dev_key`` that it prints.

Recipe::

    # settings.py
    MIDDLEWARE += ["django.contrib.auth.middleware.RemoteUserMiddleware"]
    AUTHENTICATION_BACKENDS = ["mysite.auth.StaffBackend"]     # below: who is staff
    WSGI_APPLICATION = "mysite.wsgi.application"               # for runserver, too

    # mysite/wsgi.py
    application = AuthMiddleware(get_wsgi_application(),
                                 {"remote_user": "login", "matcher": ["/admin/:path*"], ...})

Without ``StaffBackend`` users are made, but none of them may enter the admin: it shows Django's own
login page, with which nobody can sign in.
"""

import os
import tempfile

import django
from django.conf import settings

database = tempfile.TemporaryDirectory(prefix="wsgi_auth-django-")
settings.configure(
    DEBUG=False,
    SECRET_KEY="Django's own, for its sessions and forms: not a secret in an example",
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    STATIC_URL="/static/",
    LOGIN_URL="/auth/signin",
    DATABASES={
        "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{database.name}/db.sqlite3"}
    },
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "django.contrib.staticfiles",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",  # /admin leads to /admin/
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.auth.middleware.RemoteUserMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    AUTHENTICATION_BACKENDS=[f"{__name__}.StaffBackend"],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
)
django.setup()

from django.contrib import admin  # noqa: E402 - what follows needs the settings
from django.contrib.auth.backends import RemoteUserBackend  # noqa: E402
from django.contrib.auth.decorators import login_required  # noqa: E402
from django.contrib.staticfiles.handlers import StaticFilesHandler  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import HttpResponse, HttpResponseRedirect  # noqa: E402
from django.urls import path  # noqa: E402
from django.utils.html import format_html  # noqa: E402

from wsgi_auth import AuthMiddleware, get_auth  # noqa: E402


class StaffBackend(RemoteUserBackend):
    """Whoever the middleware lets through to ``/admin/`` is staff from the first visit on."""

    def configure_user(self, request, user, created=True):
        claims = get_auth(request.environ).claims
        user.is_staff = user.is_superuser = "admins" in claims.get("groups", ())
        user.email = claims.get("email", "")
        user.save()
        return user


def home(request):
    session = request.environ["auth.session"]
    name = session.user["name"] if session else "stranger"
    return HttpResponse(format_html("Hello, {}", name))  # what a provider says may be anything


def members(request):
    auth = get_auth(request.environ)
    page = 'Hello, {} ({}). <a href="{}">Sign out</a>'
    name = auth.session.user["name"]
    return HttpResponse(format_html(page, name, request.user, auth.sign_out_url()))


@login_required(redirect_field_name="callbackUrl")  # with LOGIN_URL: to the sign-in page and back
def orders(request):
    return HttpResponse(format_html("Orders of {}", request.user))


def sign_out(request):
    """The admin's "Log out" ends the session that signed in, not only Django's own."""
    return HttpResponseRedirect(get_auth(request.environ).sign_out_url("/"))


urlpatterns = [
    path("", home),
    path("members", members),
    path("orders", orders),
    path("admin/logout/", sign_out),
    path("admin/", admin.site.urls),
]

call_command("migrate", verbosity=0)

application = AuthMiddleware(
    StaticFilesHandler(get_wsgi_application()),
    {
        "dev": True,  # made-up people, on this machine only
        "providers": ["dev"],
        "remote_user": "login",
        "matcher": ["/members/:path*"],
        "routes": [{"source": "/admin/:path*", "allow_groups": ["admins"]}],
        "ignore": ["/static/:path*"],
    },
)

if __name__ == "__main__":
    from waitress import serve

    serve(application, host="127.0.0.1", port=int(os.environ.get("PORT", "8080")))
