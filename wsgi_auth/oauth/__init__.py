"""Sign-in with other parties: OAuth 2.0 and OpenID Connect, as functions without I/O.

Each step is a function that builds a request and a sibling that judges the response; what has been
checked has another type than what has not (``ValidatedCallback``, ``Tokens``, ``Identity``), so a
skipped check cannot be written. ``client`` puts them in order and is the only one that sends.
"""
