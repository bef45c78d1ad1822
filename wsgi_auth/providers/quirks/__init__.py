"""What single providers do so differently that no option can say it: one module each.

Each module is a :class:`~wsgi_auth.providers.oauth.Quirk`; what two providers share is an option.
"""
