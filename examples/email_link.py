"""Sign-in by a link in a mail, which is printed here in place of being sent.

Run it with ``python examples/email_link.py``, or with ``gunicorn email_link:application`` in the
folder ``examples``, open http://127.0.0.1:8080/members, and look into the terminal. With
``AUTH_EMAIL_SERVER`` set, such as ``smtps://user:password@mail.example.com``, mails go out.

Recipe::

    application = AuthMiddleware(app, adapter="sqlite:///auth.db", providers=[
        {"id": "email", "server": "smtps://...", "from": "no-reply@example.com"},
    ])
"""

import os

from wsgi_auth import AuthMiddleware


def app(environ, start_response):
    session = environ["auth.session"]
    name = "stranger" if session is None else session.user["email"]
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [f"Hello, {name}".encode()]


def show(mail):
    print(f"To: {mail.to}\nSubject: {mail.subject}\n\n{mail.text}", flush=True)


application = AuthMiddleware(
    app,
    {
        "dev": True,  # on this machine only, at whatever address the browser uses
        "adapter": "memory:",  # yours is sqlite:///auth.db
        "providers": [
            {
                "id": "email",
                "from": "Example <no-reply@example.com>",
                "send": None if os.environ.get("AUTH_EMAIL_SERVER") else show,
            }
        ],
        "matcher": ["/members"],
    },
)

if __name__ == "__main__":
    from waitress import serve

    serve(application, host="127.0.0.1", port=int(os.environ.get("PORT", "8080")))
