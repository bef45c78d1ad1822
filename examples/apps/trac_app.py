"""Trac, which finds its environment in a variable."""

import os

from trac.web.main import dispatch_request


def make(environment):
    os.environ["TRAC_ENV"] = os.path.abspath(environment)
    return dispatch_request
