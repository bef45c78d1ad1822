"""``client.js`` in Node, whose fetch and BroadcastChannel are real, against the real middleware."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import wsgi_auth
from tests.client.place import application
from tests.needs import require_program
from wsgi_auth.testing.fake_provider.transport import serve

pytestmark = pytest.mark.live

CLIENT = Path(wsgi_auth.__file__).parent / "pages" / "client.js"


def test_everything_that_needs_no_browser(tmp_path):
    node = require_program("node", "https://nodejs.org")
    (tmp_path / "client.mjs").write_text(CLIENT.read_text())
    stories = Path(__file__).with_name("client.test.mjs")
    with serve(application()) as url:
        run = subprocess.run(
            [node, "--test", "--test-reporter=spec", str(stories)],
            env={"SITE": url, "CLIENT": (tmp_path / "client.mjs").as_uri()},
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    told = len(re.findall("^ *test[(]", stories.read_text(), re.MULTILINE))
    passed = re.search(r"pass (\d+)", run.stdout)
    assert passed and int(passed[1]) >= told > 25, run.stdout
