"""Metadata, entry points and extras. ``pyproject.toml`` holds the build system and tool tables."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent

HTPASSWD = ["bcrypt>=4.1"]
SERVE = ["waitress>=3.0"]
PASTE = ["PasteDeploy>=3.1"]
REDIS = ["redis>=5.0"]
SQL = ["SQLAlchemy>=2.0"]
POSTGRESQL = [*SQL, "psycopg[binary]>=3.2"]
MYSQL = [*SQL, "PyMySQL>=1.1"]
PASSKEYS = ["fido2>=2.0"]

setup(
    name="wsgi_auth",
    version="0.1.0",
    description="Sign-in, sessions, route protection for any WSGI application, in one middleware",
    long_description=(HERE / "README.rst").read_text(encoding="utf-8"),
    long_description_content_type="text/x-rst",
    license_expression="MIT",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    packages=find_packages(include=["wsgi_auth", "wsgi_auth.*"]),
    package_data={
        "wsgi_auth": [
            "py.typed",
            "locale/*.pot",
            "locale/*/LC_MESSAGES/*",
            "pages/client.js",
            "pages/client.d.ts",
            "pages/passkey.js",
            "pages/passkey.d.ts",
        ]
    },
    install_requires=[
        "webob>=1.8.11",
        "itsdangerous>=2.2",
        "oauthlib>=4.0.1",
        "requests>=2.32",
        "joserfc>=1.8",
        "markupsafe>=2.1",
        "limits>=5.0",
        "click>=8.1",
    ],
    extras_require={
        "htpasswd": HTPASSWD,
        "serve": SERVE,
        "paste": PASTE,
        "redis": REDIS,
        "sql": SQL,
        "postgresql": POSTGRESQL,
        "mysql": MYSQL,
        "passkeys": PASSKEYS,
        "all": HTPASSWD + SERVE + PASTE + REDIS + POSTGRESQL + MYSQL + PASSKEYS,
    },
    entry_points={
        "console_scripts": ["wsgi-auth = wsgi_auth.cli:main"],
        "paste.filter_factory": [
            "main = wsgi_auth.paste:filter_factory",
            "auth = wsgi_auth.paste:filter_factory",
        ],
        "paste.filter_app_factory": [
            "main = wsgi_auth.paste:filter_app_factory",
            "auth = wsgi_auth.paste:filter_app_factory",
        ],
    },
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Developers",
        "Intended Audience :: System Administrators",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Internet :: WWW/HTTP :: WSGI :: Middleware",
        "Topic :: Security",
        "Typing :: Typed",
    ],
    keywords="wsgi authentication session middleware login sso pyramid flask django bottle falcon",
)
