"""``python -m wsgi_auth``: the command ``wsgi-auth``."""

from wsgi_auth.cli import main

if __name__ == "__main__":
    main()
