"""That all sessions of a user were ended, for the sign-ins of that user which are under way.

What lives here: a note in the store, kept as those in ``at_provider`` are, by which a sign-in that
was proven before and is written after learns of it. What must not: ending sessions (``register``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from wsgi_auth.errors import StoreUnavailable
from wsgi_auth.protocols import VerificationStore
from wsgi_auth.records import VerificationToken
from wsgi_auth.sessions.database import hashed
from wsgi_auth.tokens import random_id

#: Seconds for which a sign-in under way learns of it: longer than one takes from its proof on.
UNDER_WAY = 60
_KEY = "all sessions ended"


class Endings:
    """The last ending of all sessions of a user; an ending is a text, "" for none. Methods that ask
    the store raise :class:`~wsgi_auth.errors.StoreUnavailable`."""

    def __init__(self, store: VerificationStore, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._own = threading.local()

    def note(self, user_id: str) -> None:
        """All sessions of this user end now: to be called before the first of them does, so that of
        a sign-in and the end one always sees the other."""
        now = self._clock()
        said = f"{now!r} {random_id()}"  # two at one time are two
        self._own.said = said
        until = int(now) + UNDER_WAY
        self._store.create_verification_token(VerificationToken(_KEY, hashed(user_id), until, said))

    def last(self, user_id: str) -> str:
        """The last that is known of; to be told from another by ``!=``, whatever a clock says."""
        found = self._store.get_verification_token(_KEY, hashed(user_id))
        return "" if found is None else found.data

    def is_since(self, ending: str, since: float) -> bool:
        """Whether it was after ``since``, and not this thread's own: a callback that ends all that
        there was does not mean the sign-in which has called it. One that is not over yet was noted
        by a clock that is ahead of ours: it says nothing, and must not keep its user out until ours
        says the same."""
        if not ending or ending == getattr(self._own, "said", ""):
            return False
        try:
            ended = float(ending.partition(" ")[0])
        except ValueError:
            raise StoreUnavailable(
                "what is kept of the end of a user's sessions is no time"
            ) from None
        return since < ended <= self._clock()
