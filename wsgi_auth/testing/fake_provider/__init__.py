"""An OpenID Provider in the test process: ``FakeProvider``, its clients and its misbehaviours.

.. code-block:: python

    provider = FakeProvider()
    app = TestApp(AuthMiddleware(app, {..., "providers": [provider.options()]},
                                 transport=provider.transport))
    provider.sign_in(app, "alice")

There is no test mode: the middleware sends what it would send to any provider, through a transport
that does not leave the process.
"""

from wsgi_auth.testing.fake_provider.browser import Landing
from wsgi_auth.testing.fake_provider.clients import FakeClient
from wsgi_auth.testing.fake_provider.misbehaviour import MISBEHAVIOURS, Misbehaviour, Scene
from wsgi_auth.testing.fake_provider.provider import FakeProvider
from wsgi_auth.testing.fake_provider.transport import FakeTransport

__all__ = [
    "MISBEHAVIOURS",
    "FakeClient",
    "FakeProvider",
    "FakeTransport",
    "Landing",
    "Misbehaviour",
    "Scene",
]
