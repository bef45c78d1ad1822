"""``AdapterContract``: the tests that every adapter passes; authors of one inherit them.

.. code-block:: python

    class TestMyAdapter(AdapterContract):
        @pytest.fixture
        def adapter(self):
            return MyAdapter(...)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wsgi_auth.errors import AlreadyExists
from wsgi_auth.protocols import Adapter
from wsgi_auth.records import (
    AccountRecord,
    Authenticator,
    Revocation,
    SessionRecord,
    UserRecord,
    VerificationToken,
)
from wsgi_auth.testing.threads import at_once

ADA = UserRecord("u1", "Ada", "Ada@Example.org", 1_000, "https://example.org/ada.png")
BOB = UserRecord("u2", None, "bob@example.org", None, None)
SESSION = SessionRecord("s1", "u1", 2_000, '{"v": 1}')
ACCOUNT = AccountRecord("github", "17", "u1", "oauth", "sealed")
LINK = VerificationToken("ada@example.org", "hash", 2_000, '{"v": 1}')
PASSKEY = Authenticator("Y3JlZA", "u1", 0, '{"v": 1}')

#: Keys that a careless store takes for ``s1``, or chokes on (R029).
OTHERS = ("S1", "s1 ", " s1", "s1\n", "s%", "s_", "s*", "s?", "[s]1", "", "\u017f1", "s1\x00", "..",
          "\U0001f600", "x" * 300, "' OR 1=1 --")  # fmt: skip

#: Ids of users that are written otherwise than they are in JSON, in a pattern or in a query.
SPELT = ("u1", r"CORP\u1", r"CORP\\u1", "u1\\", r"u1\\", '"u1"', "u1\n", r"u1\n", "\u00fc1", "'u1'",
         "%u1", "U1")  # fmt: skip


class AdapterContract:
    """Needs pytest, and a fixture ``adapter`` that gives a new, empty one."""

    # --- users ------------------------------------------------------------------------------

    def test_a_user_is_kept_whole(self, adapter: Adapter) -> None:
        assert adapter.get_user("u1") is None
        for user in (ADA, BOB):
            assert adapter.create_user(user) == user
            assert adapter.get_user(user.id) == user

    def test_every_character_comes_back(self, adapter: Adapter) -> None:
        odd = UserRecord("ü/\U0001f600 '\"%_\\", "Zoë \U0001f600 \u202e", "ß@exämple.org", 1, "")
        adapter.create_user(odd)
        assert adapter.get_user(odd.id) == odd

    def test_an_id_is_taken_once(self, adapter: Adapter) -> None:
        adapter.create_user(ADA)
        raises(AlreadyExists, lambda: adapter.create_user(ADA._replace(email=None, name="Eve")))
        assert adapter.get_user("u1") == ADA

    def test_a_verified_address_is_one_users_without_regard_to_case(self, adapter: Adapter) -> None:
        adapter.create_user(ADA)
        adapter.create_user(BOB)
        eve = UserRecord("u3", "Eve", "ADA@example.ORG", 5)
        raises(AlreadyExists, lambda: adapter.create_user(eve))
        raises(AlreadyExists, lambda: adapter.update_user(eve._replace(id="u2")))
        assert adapter.get_user("u3") is None
        assert adapter.get_user("u2") == BOB
        assert adapter.get_user_by_email("ada@example.org") == ADA

    def test_an_address_that_nobody_vouches_for_finds_nobody_and_keeps_nobody_out(
        self, adapter: Adapter
    ) -> None:
        adapter.create_user(BOB)
        assert adapter.get_user_by_email("bob@example.org") is None
        rightful = UserRecord("u3", "Bob", "bob@example.org", 7)
        adapter.create_user(rightful)
        assert adapter.get_user_by_email("Bob@example.org") == rightful

    def test_a_user_changes_and_a_given_up_address_is_free(self, adapter: Adapter) -> None:
        adapter.create_user(ADA)
        changed = ADA._replace(name="Ada L.", email="al@example.org", email_verified=9)
        assert adapter.update_user(changed)
        assert adapter.get_user("u1") == changed
        assert adapter.get_user_by_email("ada@example.org") is None
        assert adapter.get_user_by_email("al@example.org") == changed
        adapter.create_user(UserRecord("u3", None, "ada@example.org", 1))
        assert not adapter.update_user(UserRecord("nobody"))

    def test_a_user_goes_with_all_they_had(self, adapter: Adapter) -> None:
        for user in (ADA, BOB):
            adapter.create_user(user)
        adapter.link_account(ACCOUNT)
        adapter.create_session(SESSION)
        adapter.create_session(SessionRecord("s2", "u2", 2_000, ""))
        adapter.create_authenticator(PASSKEY)
        assert adapter.delete_user("u1")
        assert not adapter.delete_user("u1")
        assert adapter.get_user("u1") is None
        assert adapter.get_user_by_email(str(ADA.email)) is None
        assert adapter.get_account("github", "17") is None
        assert adapter.get_session_and_user("s1") is None
        assert adapter.list_sessions("u1") == []
        assert adapter.get_authenticator(PASSKEY.credential_id) is None
        assert adapter.get_session_and_user("s2") is not None
        adapter.create_user(ADA)

    def test_a_user_and_their_first_account_are_made_together_or_not_at_all(
        self, adapter: Adapter
    ) -> None:
        adapter.create_user(ADA, ACCOUNT)
        assert adapter.get_user_by_account("github", "17") == ADA
        assert adapter.list_accounts("u1") == [ACCOUNT]
        eve = UserRecord("u3", "Eve", "eve@example.org", 5)
        taken, free = ACCOUNT._replace(user_id="u3"), AccountRecord("x", "1", "u3", "oauth")
        raises(AlreadyExists, lambda: adapter.create_user(eve, taken))
        assert adapter.get_user("u3") is None
        assert adapter.get_user_by_email("eve@example.org") is None
        raises(AlreadyExists, lambda: adapter.create_user(ADA._replace(id="u3"), free))
        raises(AlreadyExists, lambda: adapter.create_user(eve._replace(id="u1"), free))
        assert adapter.get_account("x", "1") is None
        adapter.create_user(eve, free)
        adapter.delete_user("u3")
        assert adapter.get_account("x", "1") is None

    def test_of_many_that_make_a_user_with_one_account_one_does(self, adapter: Adapter) -> None:
        def step(number: int) -> bool:
            user = UserRecord(f"n{number}", None, "new@example.org", 1)
            try:
                adapter.create_user(user, ACCOUNT._replace(user_id=user.id))
            except AlreadyExists:
                return False
            return True

        made = at_once(8, step)
        assert sorted(made) == [False] * 7 + [True]
        found = adapter.get_user_by_account("github", "17")
        assert found is not None
        assert found.id == f"n{made.index(True)}"
        assert [adapter.get_user(f"n{number}") for number in range(8)].count(None) == 7

    # --- accounts ---------------------------------------------------------------------------

    def test_an_account_finds_its_user_by_provider_and_id_together(self, adapter: Adapter) -> None:
        adapter.create_user(ADA)
        adapter.link_account(ACCOUNT)
        assert adapter.get_user_by_account("github", "17") == ADA
        assert adapter.get_account("github", "17") == ACCOUNT
        for provider, id in (("gitlab", "17"), ("github", "18"), ("GitHub", "17"), ("github17", ""),
                             ("githu", "b17"), ("github:", "17"), ("github", "17 ")):  # fmt: skip
            assert adapter.get_user_by_account(provider, id) is None
            assert adapter.get_account(provider, id) is None

    def test_an_account_is_one_users(self, adapter: Adapter) -> None:
        adapter.create_user(ADA)
        adapter.create_user(BOB)
        adapter.link_account(ACCOUNT)
        raises(AlreadyExists, lambda: adapter.link_account(ACCOUNT._replace(user_id="u2")))
        raises(AlreadyExists, lambda: adapter.link_account(ACCOUNT))
        assert adapter.get_user_by_account("github", "17") == ADA

    def test_accounts_are_listed_and_unlinked(self, adapter: Adapter) -> None:
        adapter.create_user(ADA)
        other = ACCOUNT._replace(provider="google", data="")
        for each in (ACCOUNT, other):
            adapter.link_account(each)
        assert adapter.list_accounts("u1") == [ACCOUNT, other]
        assert adapter.list_accounts("u2") == []
        assert adapter.unlink_account("github", "17")
        assert not adapter.unlink_account("github", "17")
        assert adapter.list_accounts("u1") == [other]

    def test_of_many_that_change_an_account_one_does(self, adapter: Adapter) -> None:
        adapter.create_user(ADA)
        adapter.link_account(ACCOUNT)
        wins = at_once(
            8, lambda number: adapter.update_account(ACCOUNT._replace(data=f"{number}"), ACCOUNT)
        )
        assert sorted(wins) == [False] * 7 + [True]
        found = adapter.get_account("github", "17")
        assert found is not None
        assert wins[int(found.data)]

    def test_an_account_whose_user_is_gone_becomes_that_of_another(self, adapter: Adapter) -> None:
        adapter.create_user(ADA)
        left = ACCOUNT._replace(user_id="gone")
        adapter.link_account(left)
        assert adapter.get_user_by_account("github", "17") is None
        assert adapter.get_account("github", "17") == left
        assert adapter.update_account(ACCOUNT, left)
        assert adapter.get_user_by_account("github", "17") == ADA
        assert adapter.list_accounts("u1") == [ACCOUNT]
        assert adapter.list_accounts("gone") == []
        assert adapter.delete_user("u1")
        assert adapter.get_account("github", "17") is None

    # --- sessions ---------------------------------------------------------------------------

    def test_a_session_is_read_with_its_user(self, adapter: Adapter) -> None:
        adapter.create_user(ADA)
        adapter.create_session(SESSION)
        assert adapter.get_session_and_user("s1") == (SESSION, ADA)
        raises(AlreadyExists, lambda: adapter.create_session(SESSION))

    def test_a_session_is_read_with_its_own_user_however_the_id_is_spelt(
        self, adapter: Adapter
    ) -> None:
        users = [UserRecord(id, str(number)) for number, id in enumerate(SPELT)]
        for user in users:
            adapter.create_user(user)
            adapter.create_session(SESSION._replace(id=f"of {user.name}", user_id=user.id))
        for user in users:
            mine = SESSION._replace(id=f"of {user.name}", user_id=user.id)
            assert adapter.get_session_and_user(mine.id) == (mine, user), user.id

    def test_a_session_without_its_user_is_none(self, adapter: Adapter) -> None:
        adapter.create_session(SESSION)
        assert adapter.get_session_and_user("s1") is None

    def test_a_session_is_found_by_its_very_id_only(self, adapter: Adapter) -> None:
        adapter.create_user(ADA)
        adapter.create_session(SESSION)
        for other in OTHERS:
            assert adapter.get_session_and_user(other) is None, other
            assert adapter.delete_session(other) is None, other
        assert adapter.get_session_and_user("s1") is not None

    def test_a_session_changes_only_from_what_it_is(self, adapter: Adapter) -> None:
        adapter.create_user(ADA)
        adapter.create_session(SESSION)
        later = SESSION._replace(expires=3_000)
        assert adapter.update_session(later, SESSION)
        assert not adapter.update_session(SESSION._replace(expires=4_000), SESSION)
        changed = later._replace(data='{"v": 1, "x": "y"}')
        for other in ("else", '{"V": 1}', '{"v": 1} ', '{"v": 1}\n', ""):
            assert not adapter.update_session(changed, later._replace(data=other)), other
        assert not adapter.update_session(changed, later._replace(user_id="U1"))
        assert adapter.update_session(changed, later)
        assert adapter.get_session_and_user("s1") == (changed, ADA)

    def test_a_session_that_was_deleted_never_comes_back(self, adapter: Adapter) -> None:
        adapter.create_user(ADA)
        adapter.create_session(SESSION)
        assert adapter.delete_session("s1") == SESSION
        assert adapter.delete_session("s1") is None
        assert not adapter.update_session(SESSION._replace(expires=3_000), SESSION)
        assert adapter.get_session_and_user("s1") is None
        assert adapter.list_sessions("u1") == []

    def test_of_many_that_renew_one_does(self, adapter: Adapter) -> None:
        adapter.create_user(ADA)
        adapter.create_session(SESSION)
        wins = at_once(
            16,
            lambda number: adapter.update_session(
                SESSION._replace(expires=3_000 + number), SESSION
            ),
        )
        assert sorted(wins) == [False] * 15 + [True]

    def test_renewing_never_outruns_ending(self, adapter: Adapter) -> None:
        adapter.create_user(ADA)
        for turn in range(20):
            session = SESSION._replace(id=f"turn{turn}")
            adapter.create_session(session)

            def step(number: int, session: SessionRecord = session) -> Any:
                if number == 3:
                    return adapter.delete_session(session.id)
                return adapter.update_session(session._replace(expires=3_000 + number), session)

            at_once(8, step)
            assert adapter.get_session_and_user(session.id) is None

    def test_the_sessions_of_a_user_are_listed_and_ended(self, adapter: Adapter) -> None:
        adapter.create_user(ADA)
        adapter.create_user(BOB)
        mine = [SessionRecord(f"m{number}", "u1", 2_000 + number, "") for number in range(5)]
        for each in (*mine, SessionRecord("other", "u2", 2_000, "")):
            adapter.create_session(each)
        assert adapter.list_sessions("u1") == mine[::-1]
        assert sorted(adapter.delete_sessions("u1", but="m2")) == [m for m in mine if m.id != "m2"]
        assert adapter.list_sessions("u1") == [mine[2]]
        assert adapter.delete_sessions("u1") == [mine[2]]
        assert adapter.delete_sessions("u1") == []
        assert adapter.get_session_and_user("other") is not None

    # --- tokens of e-mail links -------------------------------------------------------------

    def test_a_token_that_is_made_again_takes_the_place_of_the_first(
        self, adapter: Adapter
    ) -> None:
        adapter.create_verification_token(LINK)
        again = LINK._replace(expires=LINK.expires + 5_000, data="other")
        adapter.create_verification_token(again)
        assert adapter.get_verification_token(LINK.identifier, LINK.token) == again
        adapter.sweep(LINK.expires + 1, 100)
        assert adapter.use_verification_token(LINK.identifier, LINK.token) == again
        assert adapter.use_verification_token(LINK.identifier, LINK.token) is None

    def test_a_token_is_used_once_even_at_once(self, adapter: Adapter) -> None:
        adapter.create_verification_token(LINK)
        assert adapter.get_verification_token(LINK.identifier, LINK.token) == LINK
        assert adapter.use_verification_token(LINK.identifier, "other") is None
        assert adapter.use_verification_token("eve@example.org", LINK.token) is None
        used = at_once(8, lambda _: adapter.use_verification_token(LINK.identifier, LINK.token))
        assert [each for each in used if each is not None] == [LINK]
        assert adapter.get_verification_token(LINK.identifier, LINK.token) is None

    # --- passkeys ---------------------------------------------------------------------------

    def test_passkeys_are_kept_counted_and_removed(self, adapter: Adapter) -> None:
        adapter.create_user(ADA)
        second = PASSKEY._replace(credential_id="Zz", data="x")
        for each in (PASSKEY, second):
            adapter.create_authenticator(each)
        raises(AlreadyExists, lambda: adapter.create_authenticator(PASSKEY._replace(user_id="u2")))
        assert adapter.list_authenticators("u1") == [PASSKEY, second]
        assert adapter.get_authenticator("zz") is None
        used = PASSKEY._replace(counter=7)
        assert adapter.update_authenticator(used, PASSKEY)
        assert not adapter.update_authenticator(used._replace(counter=8), PASSKEY)
        assert adapter.get_authenticator(PASSKEY.credential_id) == used
        assert adapter.delete_authenticator(PASSKEY.credential_id)
        assert not adapter.delete_authenticator(PASSKEY.credential_id)
        assert adapter.list_authenticators("u1") == [second]

    # --- what was ended ---------------------------------------------------------------------

    def test_what_was_revoked_is_told_from_then_on(self, adapter: Adapter) -> None:
        first = Revocation("session", "s1", 100, 900)
        second = Revocation("user", "s1", 200, 900)
        adapter.revoke([first, second])
        adapter.revoke([])
        assert sorted(adapter.revocations(0)) == [first, second]
        assert adapter.revocations(150) == [second]
        assert adapter.revocations(200) == [second]
        assert adapter.revocations(201) == []

    def test_the_later_of_two_revocations_counts(self, adapter: Adapter) -> None:
        adapter.revoke([Revocation("user", "u1", 100, 900)])
        adapter.revoke([Revocation("user", "u1", 300, 800)])
        adapter.revoke([Revocation("user", "u1", 200, 700)])
        assert adapter.revocations(0) == [Revocation("user", "u1", 300, 900)]

    def test_of_many_that_revoke_once_one_does(self, adapter: Adapter) -> None:
        said = at_once(8, lambda _: adapter.revoke_once(Revocation("session", "j1", 100, 900)))
        assert sorted(said) == [False] * 7 + [True]
        assert adapter.revocations(0) == [Revocation("session", "j1", 100, 900)]

    # --- all of it --------------------------------------------------------------------------

    def test_what_is_over_is_swept_and_nothing_else(self, adapter: Adapter) -> None:
        adapter.create_user(ADA)
        for number in range(6):
            adapter.create_session(SessionRecord(f"old{number}", "u1", 2_000, ""))
        adapter.create_session(SessionRecord("new", "u1", 2_001, ""))
        adapter.create_verification_token(LINK)
        adapter.revoke([Revocation("user", "u9", 100, 2_000), Revocation("user", "u8", 100, 2_001)])
        for _ in range(4):
            adapter.sweep(2_000, 3)
        assert [each.id for each in adapter.list_sessions("u1")] == ["new"]
        assert adapter.get_session_and_user("old0") is None
        assert adapter.get_verification_token(LINK.identifier, LINK.token) is None
        assert [each.id for each in adapter.revocations(0)] == ["u8"]
        assert adapter.sweep(2_000, 3) == 0

    def test_closing_is_not_the_end(self, adapter: Adapter) -> None:
        adapter.create_user(ADA)
        adapter.close()
        assert adapter.get_user("u1") == ADA

    def test_records_do_not_show_what_they_hold(self, adapter: Adapter) -> None:
        for record in (ACCOUNT, SESSION, LINK):
            assert "sealed" not in repr(record)
            assert "hash" not in repr(record)


def raises(kind: type[Exception], step: Callable[[], object]) -> None:
    """Fails unless the step raises that very kind."""
    try:
        step()
    except kind:
        return
    raise AssertionError(f"no {kind.__name__} was raised")


__all__ = ["AdapterContract"]
