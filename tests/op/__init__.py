"""Real OpenID Providers beside the tests, a hostile one, and a plain client that shares no code
with the package."""
