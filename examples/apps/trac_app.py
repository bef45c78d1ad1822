"""Trac, which finds its environment in a variable."""

import os
from pathlib import Path

from trac.web.main import dispatch_request


def make(environment):
    os.environ["TRAC_ENV"] = str(Path(environment).resolve())
    return dispatch_request
