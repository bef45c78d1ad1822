"""The mail with a sign-in link, as text and as HTML.

Nothing that the person who asked has typed or sent is in it but what comes from a fixed vocabulary
(the device) or has been parsed (the time, the client's address): who asks for a link to somebody
else's address cannot write to them. The host is the configured one (R093).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from markupsafe import Markup

from wsgi_auth.pages.style import LIGHT, palette
from wsgi_auth.pages.views import MailView
from wsgi_auth.texts import Texts
from wsgi_auth.theme import Theme

_FONT: Final = 'system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif'
# A style attribute at each element: many readers of mail take no style sheet, and those in the web
# keep no html and body, so that the language and its direction are said once more.
_HTML: Final = Markup(
    """\
<!doctype html>
<html lang="{lang}" dir="{dir}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{subject}\
</title></head>
<body style="margin:0;padding:24px;background:{page};color:{ink};font:16px/1.5 {font}">
<div lang="{lang}" dir="{dir}" style="max-width:480px;margin:0 auto;padding:32px;background:{card};\
border-radius:12px">
<h1 style="margin:0 0 24px;font-size:22px;line-height:1.3">{heading}</h1>
<p style="margin:0 0 24px"><a href="{url}" style="display:inline-block;padding:12px 24px;\
border-radius:8px;background:{brand};color:{brand_ink};font-weight:600;text-decoration:none">\
{button}</a></p>
<p style="margin:0 0 12px">{limits}</p>
<p style="margin:0;color:{soft};font-size:14px">{asked} {ignore}</p>
</div>
</body>
</html>
"""
)


class Letter(NamedTuple):
    """The parts of a mail."""

    subject: str
    text: str
    html: str


def letter(view: MailView, texts: Texts, theme: Theme) -> Letter:
    """The mail in the words and the colours of the pages."""
    time, device, address = view.asked

    def said(name: str) -> str:
        return texts[f"mail.{name}"].format(
            host=view.host, time=time, device=device, address=address
        )

    subject, asked, ignore = said("subject"), said("asked"), said("ignore")
    limits = texts.counted("mail.limits", view.minutes).format(minutes=view.minutes)
    text = f"{said('heading')}\n\n{view.url}\n\n{limits}\n\n{asked}\n{ignore}\n"
    colors = palette(LIGHT, theme)
    html = _HTML.format(
        lang=texts["lang"],
        dir=texts["dir"],
        subject=subject,
        heading=said("heading"),
        url=view.url,
        button=said("button"),
        limits=limits,
        asked=asked,
        ignore=ignore,
        font=_FONT,
        page=colors["page"],
        ink=colors["ink"],
        card=colors["card"],
        soft=colors["soft"],
        brand=colors["brand"],
        brand_ink=colors["brand-ink"],
    )
    return Letter(subject, text, str(html))


__all__ = ["Letter", "letter"]
