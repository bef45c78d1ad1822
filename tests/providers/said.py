"""What each provider of the catalogue says of somebody, and whom that makes: cases, no code.

The answers are written after each provider's own documentation, cut to what is of interest here and
to a little that is not. They are data beside the catalogue, not made from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MAIL = "ada@example.org"
PICTURE = "https://pictures.example.test/ada.png"
TENANT = "11111111-2222-3333-4444-555555555555"

#: Whose token endpoints want the secret in the form; all others are shown it in the header.
IN_THE_FORM = frozenset(
    ("apple", "azure-devops", "bankid-no", "eventbrite", "hubspot", "instagram", "kakao",
     "linkedin", "mattermost", "strava", "threads", "tiktok", "todoist", "twitch", "vk", "wechat",
     "workos")
)  # fmt: skip
#: What the client and its secret are called there, where it is not what RFC 6749 calls them.
CALLED = {
    "tiktok": ("client_key", "client_secret"),
    "wechat": ("appid", "secret"),
    "azure-devops": ("", "client_assertion"),
}
#: Whose token endpoint is asked with GET.
WITH_GET = frozenset(("wechat",))
#: Whose token endpoint answers with a form, as GitHub's does to whoever does not ask for JSON.
AS_A_FORM = frozenset(("github",))
#: Whose userinfo is asked with POST.
POSTED = frozenset(("dropbox",))
#: Who cannot do PKCE, who forgets a nonce, and who answers with a form that the browser posts.
WITHOUT_PKCE = frozenset(("linkedin", "slack"))
WITHOUT_NONCE = frozenset(("linkedin",))
FORM_POST = frozenset(("apple",))


@dataclass(frozen=True)
class Said:
    """``userinfo`` answers the userinfo request (None: there is none), ``claims`` stand in the ID
    token, ``token`` in the token response beside the access token, ``more`` answers the further
    requests by the path of their URLs, ``callback`` comes with the callback. ``user`` is what the
    session then says of them."""

    user: Mapping[str, Any]
    userinfo: Any = None
    claims: Mapping[str, Any] | None = None
    token: Mapping[str, Any] = field(default_factory=lambda: {"token_type": "bearer"})
    more: Mapping[str, Any] = field(default_factory=dict)
    callback: Mapping[str, str] = field(default_factory=dict)


def person(sub: str, name: str = "Ada Lovelace", verified: bool | None = None, **more: Any) -> dict:
    """What a session says; with ``verified`` also an address, and whether it is proven."""
    known = {} if verified is None else {"email": MAIL, "email_verified": verified}
    return {"sub": sub, "name": name, **known, **more}


UNTYPED: Mapping[str, Any] = {"expires_in": 3600}

OAUTH: Mapping[str, Said] = {
    "42-school": Said(
        person("2", verified=False, login="ada", picture=PICTURE),
        {"id": 2, "email": MAIL, "login": "ada", "usual_full_name": "Ada Lovelace",
         "image": {"link": PICTURE, "versions": {}}, "staff?": False},
    ),
    "atlassian": Said(
        person("712020:1", verified=True, picture=PICTURE),
        {"account_type": "atlassian", "account_id": "712020:1", "email": MAIL,
         "email_verified": True, "name": "Ada Lovelace", "picture": PICTURE, "nickname": "ada"},
    ),
    "azure-devops": Said(
        person("d6245f20-2af8", verified=False),
        {"displayName": "Ada Lovelace", "publicAlias": "d6245f20-2af8", "emailAddress": MAIL,
         "coreRevision": 1, "id": "d6245f20-2af8"},
        token={"token_type": "jwt-bearer", "expires_in": "3599", "refresh_token": "r"},
    ),
    "bitbucket": Said(
        person("557058:1", verified=True, login="ada", picture=PICTURE),
        {"type": "user", "account_id": "557058:1", "username": "ada", "uuid": "{1}",
         "display_name": "Ada Lovelace", "links": {"avatar": {"href": PICTURE}}},
        token={"token_type": "bearer", "scopes": "account email", "expires_in": 7200},
        more={"/2.0/user/emails": {"pagelen": 10, "values": [
            {"is_primary": False, "is_confirmed": True, "email": "old@example.org"},
            {"is_primary": True, "is_confirmed": True, "email": MAIL}]}},
    ),
    "box": Said(
        person("11446498", verified=False, picture=PICTURE),
        {"type": "user", "id": "11446498", "name": "Ada Lovelace", "login": MAIL,
         "avatar_url": PICTURE, "status": "active"},
    ),
    "boxyhq-saml": Said(
        person("s-1", verified=False, groups=["engines"]),
        {"id": "s-1", "email": MAIL, "firstName": "Ada", "lastName": "Lovelace",
         "groups": ["engines"], "requested": {"tenant": "t"}},
    ),
    "bungie": Said(
        person("1", login="ada#0001", picture="https://www.bungie.net/img/ada.png"),
        {"Response": {"destinyMemberships": [], "bungieNetUser": {
            "membershipId": "1", "uniqueName": "ada#0001", "displayName": "Ada Lovelace",
            "profilePicturePath": "/img/ada.png"}}, "ErrorCode": 1, "ErrorStatus": "Success"},
        token={"token_type": "Bearer", "expires_in": 3600, "membership_id": "1"},
    ),
    "click-up": Said(
        person("123", verified=False, picture=PICTURE),
        {"user": {"id": 123, "username": "Ada Lovelace", "email": MAIL, "color": "#000000",
                  "profilePicture": PICTURE}},
        token={},
    ),
    "coinbase": Said(
        person("9da7a204", verified=False, picture=PICTURE),
        {"data": {"id": "9da7a204", "name": "Ada Lovelace", "username": None, "email": MAIL,
                  "avatar_url": PICTURE, "resource": "user"}},
    ),
    "concept2": Said(
        person("1", "ada", False, login="ada", picture=PICTURE),
        {"data": {"id": 1, "username": "ada", "first_name": "Ada", "email": MAIL,
                  "profile_image": PICTURE}},
    ),
    "discord": Said(
        person("80351110224678912", verified=True, login="ada",
               picture="https://cdn.discordapp.com/avatars/80351110224678912/8342.png"),
        {"id": "80351110224678912", "username": "ada", "discriminator": "0", "avatar": "8342",
         "global_name": "Ada Lovelace", "verified": True, "email": MAIL, "flags": 64},
    ),
    "dribbble": Said(
        person("1", login="ada", picture=PICTURE),
        {"id": 1, "name": "Ada Lovelace", "login": "ada", "avatar_url": PICTURE, "pro": False},
        token={"token_type": "bearer", "scope": "public"},
    ),
    "dropbox": Said(
        person("dbid:1", verified=True, picture=PICTURE),
        {"account_id": "dbid:1", "name": {"given_name": "Ada", "display_name": "Ada Lovelace"},
         "email": MAIL, "email_verified": True, "disabled": False, "profile_photo_url": PICTURE},
    ),
    "eventbrite": Said(
        person("1", verified=True, picture="https://img.evbuc.com/https%3A%2F%2Fcdn.evbuc.com"
               "%2Fimages%2F42%2F1%2Foriginal.jpg"),
        {"id": "1", "name": "Ada Lovelace", "first_name": "Ada", "image_id": "42", "emails": [
            {"email": "old@example.org", "verified": True, "primary": False},
            {"email": MAIL, "verified": True, "primary": True}]},
    ),
    "eveonline": Said(
        person("95465499", picture="https://images.evetech.net/characters/95465499/portrait?size=128"),
        {"CharacterID": 95465499, "CharacterName": "Ada Lovelace", "Scopes": "publicData",
         "TokenType": "Character", "CharacterOwnerHash": "x"},
    ),
    "facebook": Said(
        person("10", verified=False, picture=PICTURE),
        {"id": "10", "name": "Ada Lovelace", "email": MAIL,
         "picture": {"data": {"height": 50, "is_silhouette": False, "url": PICTURE}}},
    ),
    "faceit": Said(
        person("g-1", verified=False, login="ada", picture=PICTURE),
        {"guid": "g-1", "nickname": "ada", "name": "Ada Lovelace", "email": MAIL,
         "picture": PICTURE, "locale": "en"},
    ),
    "figma": Said(
        person("f1", verified=False, picture=PICTURE),
        {"id": "f1", "email": MAIL, "handle": "Ada Lovelace", "img_url": PICTURE},
        token={"user_id": 1, "expires_in": 7776000, "refresh_token": "r"},
    ),
    "foursquare": Said(
        person("1", verified=False, picture="https://fs.example.test/original/ada.png"),
        {"meta": {"code": 200}, "response": {"user": {
            "id": "1", "firstName": "Ada", "lastName": "Lovelace", "contact": {"email": MAIL},
            "photo": {"prefix": "https://fs.example.test/", "suffix": "/ada.png"}}}},
        token={},
    ),
    "freshbooks": Said(
        person("2192788", verified=False),
        {"response": {"id": 2192788, "first_name": "Ada", "last_name": "Lovelace", "email": MAIL,
                      "confirmed_at": "2012-09-30T19:28:01Z"}},
    ),
    "github": Said(
        person("583231", verified=True, login="ada", picture=PICTURE),
        {"login": "ada", "id": 583231, "avatar_url": PICTURE, "type": "User",
         "name": "Ada Lovelace", "email": None},
        token={"token_type": "bearer", "scope": "read:user,user:email"},
        more={"/user/emails": [
            {"email": "ada@users.noreply.github.com", "primary": False, "verified": True},
            {"email": MAIL, "primary": True, "verified": True, "visibility": "private"}]},
    ),
    "gitlab": Said(
        person("1", verified=True, login="ada", picture=PICTURE),
        {"id": 1, "username": "ada", "name": "Ada Lovelace", "email": MAIL,
         "confirmed_at": "2012-05-23T09:05:22Z", "avatar_url": PICTURE, "state": "active"},
    ),
    "hubspot": Said(
        person("293199", MAIL, False),
        {"token": "the-token", "user": MAIL, "hub_domain": "example.org", "scopes": ["oauth"],
         "user_id": 293199, "token_type": "access"},
    ),
    "instagram": Said(
        person("17841400000", "ada", login="ada"),
        {"id": "17841400000", "username": "ada", "account_type": "PERSONAL"},
        token={"user_id": 17841400000},
    ),
    "kakao": Said(
        person("123456789", verified=True, picture=PICTURE),
        {"id": 123456789, "kakao_account": {
            "email": MAIL, "is_email_valid": True, "is_email_verified": True,
            "profile": {"nickname": "Ada Lovelace", "profile_image_url": PICTURE}}},
    ),
    "mailchimp": Said(
        person("1", verified=False),
        {"dc": "us6", "role": "owner", "accountname": "Ada Lovelace", "user_id": 7,
         "login": {"email": MAIL, "avatar": None, "login_id": 1, "login_name": "ada"}},
        token={"expires_in": 0, "scope": None},
    ),
    "mailru": Said(
        person("1", verified=False, picture=PICTURE),
        {"id": "1", "name": "Ada Lovelace", "nickname": "ada", "email": MAIL, "image": PICTURE},
        token=UNTYPED,
    ),
    "mastodon": Said(
        person("14715", login="ada", picture=PICTURE),
        {"id": "14715", "username": "ada", "acct": "ada", "display_name": "Ada Lovelace",
         "avatar": PICTURE, "avatar_static": PICTURE},
        token={"token_type": "Bearer", "scope": "read", "created_at": 1573979017},
    ),
    "mattermost": Said(
        person("m1", verified=True, login="ada"),
        {"id": "m1", "username": "ada", "first_name": "Ada", "last_name": "Lovelace",
         "email": MAIL, "email_verified": True, "roles": "system_user"},
    ),
    "medium": Said(
        person("5303d74c", login="ada", picture=PICTURE),
        {"data": {"id": "5303d74c", "username": "ada", "name": "Ada Lovelace",
                  "url": "https://medium.com/@ada", "imageUrl": PICTURE}},
        token={"token_type": "Bearer", "scope": ["basicProfile"], "expires_at": 1444164612345},
    ),
    "naver": Said(
        person("32742776", verified=False, picture=PICTURE),
        {"resultcode": "00", "message": "success", "response": {
            "id": "32742776", "nickname": "Ada Lovelace", "email": MAIL,
            "profile_image": PICTURE}},
        token={"token_type": "bearer", "expires_in": "3600"},
    ),
    "netlify": Said(
        person("n1", verified=False, picture=PICTURE),
        {"id": "n1", "uid": "u", "full_name": "Ada Lovelace", "email": MAIL,
         "avatar_url": PICTURE},
        token={"token_type": "Bearer", "created_at": 1573979017},
    ),
    "netsuite": Said(
        person("4", verified=False),
        {"id": 4, "name": "Ada Lovelace", "email": MAIL, "role": 3},
    ),
    "nextcloud": Said(
        person("ada", verified=False, login="ada", groups=["admin"],
               picture="https://cloud.example.com/avatar/ada/512"),
        {"ocs": {"meta": {"status": "ok", "statuscode": 200}, "data": {
            "id": "ada", "enabled": True, "display-name": "Ada Lovelace", "email": MAIL,
            "groups": ["admin"]}}},
        token={"token_type": "Bearer", "expires_in": 3600, "user_id": "ada"},
    ),
    "notion": Said(
        person("e79a0b74", verified=False, picture=PICTURE),
        {"object": "user", "id": "b1", "type": "bot", "name": "the integration", "bot": {
            "owner": {"type": "user", "user": {
                "object": "user", "id": "e79a0b74", "name": "Ada Lovelace",
                "avatar_url": PICTURE, "type": "person", "person": {"email": MAIL}}}}},
        token={"token_type": "bearer", "bot_id": "b1", "owner": {}},
    ),
    "osso": Said(
        person("o1", MAIL, False),
        {"id": "o1", "email": MAIL, "idp": "Okta", "requested": {"domain": None}},
    ),
    "osu": Said(
        person("1", "ada", login="ada", picture=PICTURE),
        {"id": 1, "username": "ada", "avatar_url": PICTURE, "country_code": "GB"},
    ),
    "patreon": Said(
        person("1", verified=True, picture=PICTURE),
        {"data": {"type": "user", "id": "1", "attributes": {
            "email": MAIL, "full_name": "Ada Lovelace", "image_url": PICTURE,
            "is_email_verified": True}}},
    ),
    "pinterest": Said(
        person("64", "ada", login="ada", picture=PICTURE),
        {"account_type": "BUSINESS", "id": "64", "profile_image": PICTURE, "username": "ada"},
    ),
    "pipedrive": Said(
        person("1", verified=False, picture=PICTURE),
        {"success": True, "data": {"id": 1, "name": "Ada Lovelace", "email": MAIL,
                                   "icon_url": PICTURE, "activated": True}},
    ),
    "reddit": Said(
        person("t2", "ada", login="ada", picture=PICTURE),
        {"id": "t2", "name": "ada", "snoovatar_img": PICTURE, "has_verified_email": True},
    ),
    "spotify": Said(
        person("ada", verified=False, login="ada", picture=PICTURE),
        {"id": "ada", "display_name": "Ada Lovelace", "email": MAIL, "type": "user",
         "images": [{"url": PICTURE, "height": 300}]},
    ),
    "strava": Said(
        person("134815", picture=PICTURE),
        {"id": 134815, "username": "ada", "firstname": "Ada", "lastname": "Lovelace",
         "profile": PICTURE},
        token={"token_type": "Bearer", "expires_at": 1568775134, "athlete": {"id": 134815}},
    ),
    "threads": Said(
        person("1", "ada", login="ada", picture=PICTURE),
        {"id": "1", "username": "ada", "threads_profile_picture_url": PICTURE},
        token={"user_id": 1},
    ),
    "tiktok": Said(
        person("o-1", picture=PICTURE),
        {"data": {"user": {"open_id": "o-1", "display_name": "Ada Lovelace",
                           "avatar_url": PICTURE}},
         "error": {"code": "ok", "message": "", "log_id": "1"}},
        token={"token_type": "Bearer", "open_id": "o-1", "scope": "user.info.basic"},
    ),
    "todoist": Said(
        person("2671355", verified=False, picture=PICTURE),
        {"id": "2671355", "full_name": "Ada Lovelace", "email": MAIL, "avatar_big": PICTURE},
    ),
    "trakt": Said(
        person("ada", login="ada", picture=PICTURE),
        {"username": "ada", "private": False, "name": "Ada Lovelace", "ids": {"slug": "ada"},
         "images": {"avatar": {"full": PICTURE}}},
        token={"token_type": "bearer", "scope": "public", "created_at": 1573979017},
    ),
    "twitter": Said(
        person("2244994945", verified=True, login="ada", picture=PICTURE),
        {"data": {"id": "2244994945", "name": "Ada Lovelace", "username": "ada",
                  "profile_image_url": PICTURE, "confirmed_email": MAIL}},
    ),
    "vk": Said(
        person("1", verified=False, picture=PICTURE),
        {"response": [{"id": 1, "first_name": "Ada", "last_name": "Lovelace",
                       "photo_100": PICTURE}]},
        token={"expires_in": 43200, "user_id": 1, "email": MAIL},
    ),
    "webex": Said(
        person("w1", verified=False, picture=PICTURE),
        {"id": "w1", "emails": [MAIL], "displayName": "Ada Lovelace", "avatar": PICTURE},
        token={"expires_in": 1209599, "refresh_token": "r"},
    ),
    "wechat": Said(
        person("union-1", picture=PICTURE),
        {"openid": "open-1", "nickname": "Ada Lovelace", "headimgurl": PICTURE,
         "unionid": "union-1", "privilege": []},
        token={"expires_in": 7200, "openid": "open-1", "scope": "snsapi_userinfo"},
    ),
    "wikimedia": Said(
        person("123", "Ada", True, login="Ada", groups=["*", "user"]),
        {"sub": "123", "username": "Ada", "confirmed_email": True, "blocked": False,
         "groups": ["*", "user"], "email": MAIL, "realname": ""},
    ),
    "wordpress": Said(
        person("78972699", verified=True, login="ada", picture=PICTURE),
        {"ID": 78972699, "display_name": "Ada Lovelace", "username": "ada", "email": MAIL,
         "email_verified": True, "avatar_URL": PICTURE},
        token={"token_type": "bearer", "blog_id": "0", "scope": "auth"},
    ),
    "workos": Said(
        person("prof_1", verified=False, picture=PICTURE),
        {"object": "profile", "id": "prof_1", "email": MAIL, "first_name": "Ada",
         "last_name": "Lovelace", "raw_attributes": {"picture": PICTURE}},
        token={"profile": {"id": "prof_1"}},
    ),
    "yandex": Said(
        person("1000034426", verified=False, login="ada",
               picture="https://avatars.yandex.net/get-yapic/131652443/islands-200"),
        {"id": "1000034426", "login": "ada", "display_name": "Ada Lovelace",
         "default_email": MAIL, "emails": [MAIL], "default_avatar_id": "131652443",
         "is_avatar_empty": False},
    ),
    "zoho": Said(
        person("1", verified=False),
        {"ZUID": 1, "First_Name": "Ada", "Last_Name": "Lovelace", "Display_Name": "ada",
         "Email": MAIL},
        token={"token_type": "Bearer", "api_domain": "https://www.zohoapis.com"},
    ),
    "zoom": Said(
        person("KdYKjnimT4", verified=True, picture=PICTURE),
        {"id": "KdYKjnimT4", "first_name": "Ada", "last_name": "Lovelace", "email": MAIL,
         "verified": 1, "pic_url": PICTURE, "type": 1},
    ),
}  # fmt: skip

#: What a textbook provider puts into its ID token.
CLAIMS: Mapping[str, Any] = {
    "sub": "248289761001", "name": "Ada Lovelace", "given_name": "Ada", "family_name": "Lovelace",
    "preferred_username": "ada", "email": MAIL, "email_verified": True, "picture": PICTURE,
}  # fmt: skip
STANDARD = Said(person("248289761001", verified=True, login="ada", picture=PICTURE), None, CLAIMS)
GROUPS = Said({**STANDARD.user, "groups": ["staff"]}, None, {**CLAIMS, "groups": ["staff"]})
LATER = {"sub": "248289761001"}


def told_later(user: Mapping[str, Any], **userinfo: Any) -> Said:
    """Of a provider whose ID token has the subject alone: userinfo says the rest."""
    return Said(user, {**LATER, **userinfo}, LATER)


MICROSOFT = Said(
    person("AAAA", verified=False, login=MAIL), None,
    {"sub": "AAAA", "oid": "o", "tid": TENANT, "name": "Ada Lovelace", "email": MAIL,
     "preferred_username": MAIL},
)  # fmt: skip

#: OpenID Connect: who says something else than :data:`STANDARD`.
OIDC: Mapping[str, Said] = {
    "apple": Said(
        person("001999.1", verified=True), None,
        {"sub": "001999.1", "email": MAIL, "email_verified": "true", "is_private_email": "false"},
        callback={"user": '{"name": {"firstName": "Ada", "lastName": "Lovelace"}}'},
    ),
    "authelia": told_later(
        {**STANDARD.user, "groups": ["staff"]}, **{**CLAIMS, "groups": ["staff"]}
    ),
    "azure-ad": MICROSOFT,
    "azure-ad-b2c": Said(
        person("b1", verified=False), None,
        {"sub": "b1", "name": "Ada Lovelace", "emails": [MAIL], "tfp": "B2C_1_signin"},
    ),
    "bankid-no": told_later(
        person("248289761001", verified=False), name="Ada Lovelace", email=MAIL,
        birthdate="1815-12-10",
    ),
    "battlenet": Said(
        person("1", "Ada#1815", login="Ada#1815"), None, {"sub": "1", "battle_tag": "Ada#1815"}
    ),
    "cognito": Said(
        person("c1", verified=True, login="ada", groups=["staff"]), None,
        {"sub": "c1", "name": "Ada Lovelace", "email": MAIL, "email_verified": True,
         "cognito:username": "ada", "cognito:groups": ["staff"], "token_use": "id"},
    ),
    "dex": GROUPS,
    "forgejo": GROUPS,
    "fusionauth": Said(
        person("f1", verified=True), None,
        {"sub": "f1", "given_name": "Ada", "family_name": "Lovelace", "email": MAIL,
         "email_verified": True, "roles": []},
    ),
    "gitea": GROUPS,
    "google": Said(
        person("1084", verified=True, picture=PICTURE), None,
        {"sub": "1084", "name": "Ada Lovelace", "email": MAIL, "email_verified": True,
         "hd": "example.org", "picture": PICTURE, "azp": "app"},
    ),
    "kanidm": Said(
        person("k1", verified=True, login="ada@idm.example.com", groups=["staff@idm.example.com"]),
        None,
        {"sub": "k1", "name": "Ada Lovelace", "preferred_username": "ada@idm.example.com",
         "email": MAIL, "email_verified": True, "groups": ["staff@idm.example.com"],
         "scopes": ["openid"]},
    ),
    "line": Said(
        person("U1", verified=False, picture=PICTURE), None,
        {"sub": "U1", "name": "Ada Lovelace", "email": MAIL, "picture": PICTURE, "amr": ["pwd"]},
    ),
    "linkedin": Said(
        person("782bbtaQ", verified=True, picture=PICTURE), None,
        {"sub": "782bbtaQ", "name": "Ada Lovelace", "given_name": "Ada", "email": MAIL,
         "email_verified": True, "picture": PICTURE, "locale": {"country": "GB"}},
    ),
    "logto": Said(
        person("l1", "ada", True, login="ada"), None,
        {"sub": "l1", "name": None, "username": "ada", "email": MAIL, "email_verified": True},
    ),
    "microsoft-entra-id": MICROSOFT,
    "pocket-id": GROUPS,
    "roblox": Said(
        person("1516563360", "ada", login="ada"), None,
        {"sub": "1516563360", "nickname": "ada", "preferred_username": "ada"},
    ),
    "salesforce": told_later(
        STANDARD.user, **CLAIMS, user_id="005", organization_id="00D",
    ),
    "simplelogin": Said(
        person("s1", verified=True, picture=PICTURE), None,
        {"sub": "s1", "name": "Ada Lovelace", "email": MAIL, "email_verified": True,
         "avatar_url": PICTURE},
    ),
    "slack": Said(
        person("U1", verified=True, picture=PICTURE), None,
        {"sub": "U1", "https://slack.com/team_id": "T1", "email": MAIL, "email_verified": True,
         "name": "Ada Lovelace", "picture": PICTURE},
    ),
    "twitch": Said(
        person("713936733", "ada", True, login="ada", picture=PICTURE), None,
        {"sub": "713936733", "preferred_username": "ada", "email": MAIL, "email_verified": True,
         "picture": PICTURE},
        token={"token_type": "bearer", "scope": ["openid", "user:read:email"]},
    ),
    "vipps": told_later(
        person("248289761001", verified=True), name="Ada Lovelace", email=MAIL,
        email_verified=True, sid="s",
    ),
    "zitadel": told_later(
        {**STANDARD.user, "groups": ["admin"]},
        **{**CLAIMS, "urn:zitadel:iam:org:project:roles": {"admin": {"1": "example.org"}}},
    ),
}  # fmt: skip
