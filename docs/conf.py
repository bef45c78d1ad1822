"""Sphinx: the documentation. ``sphinx-build -W -n --keep-going -b html docs docs/_build/html``."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import wsgi_auth  # noqa: E402

project = "wsgi_auth"
author = "the wsgi_auth authors"
copyright = author
release = version = wsgi_auth.__version__

extensions = ["sphinx.ext.autodoc", "generated"]
exclude_patterns = ["_build"]
default_role = "code"
highlight_language = "text"
pygments_style = "tango"
pygments_dark_style = "monokai"

html_theme = "furo"
html_title = f"wsgi_auth {release}"
html_static_path = ["_static"]
html_css_files = ["wsgi_auth.css"]
html_copy_source = False
html_show_sphinx = False

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_display_short_literal_types = True

# Every role that names something of ours must lead somewhere; what the standard library, WebOb or a
# type alias is called in a signature need not (the build is offline: no other inventories).
nitpick_ignore_regex = [
    (r"py:.*", r"(?!wsgi_auth(\.|$)).*"),
    (r"py:.*", r"wsgi_auth\.(types|matcher|pages|cookies|config|urls)\..*"),
]
