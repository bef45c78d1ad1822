"""PEP 3333: every piece of the package and every kind of request, against a server that records."""
