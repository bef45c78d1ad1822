"""What the servers serve: the site behind the middleware; secret and URL come from the environment."""

from tests.live.site import authorize, site
from wsgi_auth import AuthMiddleware

application = AuthMiddleware(
    site,
    providers=[{"id": "credentials", "authorize": authorize}],
    allow_emails="*",
    matcher=["/admin/:path*", "/members/:path*"],
    remote_user="login",
)
