"""The command ``wsgi-auth``. Exit codes: 0 fine, 1 warnings under ``--strict``, 2 a mistake."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

import wsgi_auth
from wsgi_auth.config import values
from wsgi_auth.config.model import AuthConfig
from wsgi_auth.config.secret import new_secret, write_secret
from wsgi_auth.errors import ApplicationRaised, AuthError, ConfigError
from wsgi_auth.served import VARIABLE, WANTED, named, nearly_named, protected


class _Sentences(click.Group):
    """Shows the package's own errors as a sentence and exit code 2, never as a traceback."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not all(map(_is_text, args)):
            ctx.fail("the arguments must be text in UTF-8")
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        given, sys.argv = sys.argv, sys.argv[:1]  # an application that reads them is none of ours
        try:
            return super().invoke(ctx)
        except AuthError as error:
            if isinstance(error, ApplicationRaised):
                click.echo(_own_frames(error.__cause__), nl=False, err=True)
            click.echo(f"wsgi-auth: {error}", err=True)
            ctx.exit(2)
        finally:
            sys.argv = given


def _own_frames(error: BaseException | None) -> str:
    """Where in the application something was raised: the traceback but for what led there (this
    package, click, importlib) and what it called of Python's own. "" where none of it ran."""
    import sysconfig  # for a mistake only
    import traceback

    python = [Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")]
    not_python = [Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")]
    others = [Path(module.__path__[0]) for module in (wsgi_auth, click)]
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__ if error else None)
        if not frame.filename.startswith("<frozen ")
        and not _is_below(frame.filename, others)
        and (not _is_below(frame.filename, python) or _is_below(frame.filename, not_python))
    ]
    lines = traceback.StackSummary.from_list(frames).format()
    return "".join(["Traceback (most recent call last):\n", *lines] if lines else [])


def _is_below(file: str, folders: list[Path]) -> bool:
    return any(Path(file).is_relative_to(folder) for folder in folders)


def _is_text(argument: str) -> bool:
    """Whether it can be written: what is no UTF-8 comes as halves of surrogate pairs."""
    return argument.encode("utf-8", "replace").decode() == argument


@click.group(cls=_Sentences, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(wsgi_auth.__version__, prog_name="wsgi-auth")
def main() -> None:
    """Sign-in, sessions and route protection for any WSGI application."""


def _named(path: Path | None) -> Path:
    return path or Path(os.environ.get(VARIABLE) or "auth.toml")


def _file(path: Path | None) -> AuthConfig:
    from wsgi_auth.cli.configured import FILES, configuration

    found = _named(path)
    if path is None and found.suffix in FILES and not values.is_there(found.exists):
        said = f", which {VARIABLE} names" if os.environ.get(VARIABLE) else ""
        raise ConfigError(
            "", f"there is no {str(found)!r} here{said}; --config or {VARIABLE} names another"
        )
    return configuration(found)


_config_option = click.option(
    "--config",
    "-c",
    "path",
    type=click.Path(path_type=Path),
    help="The configuration: a TOML or INI file, or the application that has it in Python, as "
    f"module:name.  [default: ${VARIABLE}, else auth.toml]",
)


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65_535), help="[default: 8080, or a free one]")
def demo(host: str, port: int | None) -> None:
    """Serve a small application with a login, to look at.

    It has a public page, a members' page, an admin page and an API.
    """
    from wsgi_auth.cli.demo import run

    run(host, port)


@main.command()
@click.argument("target", required=False)
@_config_option
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65_535), default=8080, show_default=True)
@click.option("--threads", type=click.IntRange(1), default=8, show_default=True)
def serve(target: str | None, path: Path | None, host: str, port: int, threads: int) -> None:
    """Serve any WSGI application, protected.

    TARGET is module:application, or module:make() for a factory; without it the configuration's
    [app] says what to serve.

    Example: wsgi-auth serve yourapp:application --config auth.toml
    """
    from wsgi_auth.cli.server import Unforwarded, serve_forever

    config = _file(path)
    if target is None and named(config) is None:
        hint = nearly_named(config) or "; or name it: wsgi-auth serve module:application"
        raise ConfigError("app", f"{WANTED}{hint}")
    app = protected(config, target)
    app.app = Unforwarded(app.app)
    serve_forever(app, host, port, threads, config.url.mount if config.url else "")


@main.command()
@_config_option
@click.option("--strict", is_flag=True, help="Exit with 1 if there is a warning.")
def check(path: Path | None, strict: bool) -> None:
    """Validate a configuration; say what is protected, what is open, and what is risky."""
    from wsgi_auth.cli.check import report

    config = _file(path)
    warnings = report(config, click.echo)
    if warnings and strict:
        raise SystemExit(1)


@main.command()
@click.argument("method")
@click.argument("target")
@click.option("--as", "user", help="The id of somebody who is signed in.")
@click.option("--groups", default="", help="Their groups, separated by commas.")
@click.option("--header", "-H", "headers", multiple=True, help="'Name: value'; may be repeated.")
@_config_option
def explain(
    method: str,
    target: str,
    user: str | None,
    groups: str,
    headers: tuple[str, ...],
    path: Path | None,
) -> None:
    """Say what happens to a request, and why.

    Example: wsgi-auth explain GET /admin/users --as ada --groups staff
    """
    from wsgi_auth.cli.explain import explained

    for line in explained(_file(path), method, target, user, groups, headers):
        click.echo(line)


@main.group()
def sessions() -> None:
    """List and end the sessions of a user; needs an adapter."""


@sessions.command("list")
@click.argument("user")
@_config_option
def list_sessions(user: str, path: Path | None) -> None:
    """List the living sessions of USER.

    USER is an id, a proven address, or an account as provider:id.
    """
    from wsgi_auth.cli.sessions import listed

    for line in listed(_file(path), user):
        click.echo(line)


@sessions.command("end")
@click.argument("user")
@click.option("--session", metavar="ID", help="Only this one, as the list shows it.")
@_config_option
def end_sessions(user: str, session: str | None, path: Path | None) -> None:
    """End every session of USER: an id, a proven address, or an account as provider:id.

    Every worker refuses an ended session within a second.
    """
    from wsgi_auth.cli.sessions import ended

    click.echo(ended(_file(path), user, session))


@main.group()
def db() -> None:
    """Bring the tables of the adapter up to date; delete what is over."""


@db.command("upgrade")
@click.argument("url", required=False)
@_config_option
def upgrade_tables(url: str | None, path: Path | None) -> None:
    """Bring the tables to the version of this release.

    Of URL, else of the adapter in the configuration. Forward only: make a backup first.
    """
    from wsgi_auth.cli.db import upgraded, url_of

    click.echo(upgraded(url or url_of(_file(path), _named(path))))


@db.command("sweep")
@click.argument("url", required=False)
@_config_option
def sweep_tables(url: str | None, path: Path | None) -> None:
    """Delete sessions, links and revocations that are over.

    In URL, else in the adapter of the configuration.
    """
    from wsgi_auth.cli.db import swept, url_of

    click.echo(swept(url or url_of(_file(path), _named(path))))


@main.command()
@click.option(
    "--out", "-o", type=click.Path(path_type=Path), help="A new file, which nobody else may read."
)
def secret(out: Path | None) -> None:
    """Print a fresh secret for the option secret, or AUTH_SECRET; or write it to a file."""
    if out is None:
        click.echo(new_secret())
        return
    try:
        write_secret(out)
    except FileExistsError:
        raise ConfigError("--out", f"{str(out)!r} is there already, and stays as it is") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigError("--out", f"cannot write {str(out)!r}: {why}") from None
