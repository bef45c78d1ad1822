"""How the built-in pages are coloured: the option ``theme``, checked as soon as it exists.

What lives here: the four values a site may set, and the arithmetic of contrast. What must not:
CSS (``pages/style.py`` has it). Whatever a :class:`Theme` holds can be put into a style sheet as
it is: a value that could say more than a colour does not get in.
"""

from __future__ import annotations

import re
from typing import Final, Literal, NoReturn, TypeAlias, get_args

from wsgi_auth.frozen import Frozen

ColorScheme: TypeAlias = Literal["auto", "light", "dark"]

#: WCAG 2.2, 1.4.3: body text against its background.
READABLE: Final = 4.5
#: WCAG 2.2, 1.4.11 and large text: what an explicit ``button_text`` has to reach.
DISCERNIBLE: Final = 3.0

_HEX = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})", re.ASCII)
_DATA_IMAGE = re.compile(
    r"data:image/(?:svg\+xml|png|jpeg|gif|webp|avif|x-icon)(?:;[a-z0-9=-]+)*,[^\s\"'<>\\]+"
)
_URL = re.compile(r"(?:https?://[^\s/\"'<>\\@]+)?/(?!/)[^\s\"'<>\\]*")


class Theme(Frozen):
    """The look of the built-in pages; an empty string leaves the choice to us.

    ``color_scheme``: ``auto`` follows the visitor's system. ``brand_color``: the main button.
    ``button_text``: the text on it; empty picks black or white, whichever reads better. ``logo``:
    a path or URL of the application's own origin, or a ``data:image/`` URI (the pages' policy
    loads nothing from elsewhere). A value that will not do raises ``ValueError``.
    """

    color_scheme: ColorScheme = "auto"
    brand_color: str = ""
    button_text: str = ""
    logo: str = ""

    def __post_init__(self) -> None:
        self.check()

    def check(self) -> None:
        """Raise ``ValueError`` with a text that names the option and what would be right."""
        if self.color_scheme not in get_args(ColorScheme):
            _refuse("color_scheme", self.color_scheme, "one of auto, light, dark")
        for option in ("brand_color", "button_text"):
            value = getattr(self, option)
            if value != "" and not is_color(value):
                _refuse(option, value, "#rgb, #rrggbb or the name of a CSS colour")
        if self.logo != "" and not is_logo(self.logo):
            _refuse("logo", self.logo, "a path such as /static/logo.svg, or a data:image/ URI")
        if self.brand_color and self.button_text:
            ratio = contrast(self.brand_color, self.button_text)
            if ratio < DISCERNIBLE:
                raise ValueError(
                    f"button_text: {self.button_text} on {self.brand_color} has a contrast of "
                    f"{ratio:.1f} to 1 and could not be read; 3 to 1 is the least, or leave it "
                    f"empty and {readable_on(self.brand_color)} is used"
                )


def is_color(value: object) -> bool:
    """Whether it is ``#rgb``, ``#rrggbb`` or a CSS colour name, and so nothing but a colour."""
    return isinstance(value, str) and (_HEX.fullmatch(value) is not None or value.lower() in _NAMED)


def is_logo(value: object) -> bool:
    """Whether it can be an image of the own origin (that the host is ours, ``config`` checks)."""
    return isinstance(value, str) and bool(_DATA_IMAGE.fullmatch(value) or _URL.fullmatch(value))


def luminance(color: str) -> float:
    """The relative luminance of a colour that passed :func:`is_color`: 0 black, 1 white (WCAG)."""
    digits = _NAMED.get(color.lower()) or color[1:]
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    red, green, blue = (_linear(int(digits[at : at + 2], 16) / 255) for at in (0, 2, 4))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, 1 to 21 (WCAG 2.2)."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def readable_on(background: str) -> str:
    """``#000000`` or ``#ffffff``: one of the two always has 4.5 to 1."""
    return max("#ffffff", "#000000", key=lambda text: contrast(text, background))


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)


def _refuse(option: str, value: object, right: str) -> NoReturn:
    shown = repr(value)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    raise ValueError(f"{option}: {shown} is not {right}")


# A name that CSS does not know would leave a button without colour, so they are listed (CSS Color
# 4, section 6.1) and a misspelt one is found at start-up.
_NAMES: Final = """
    aliceblue=f0f8ff antiquewhite=faebd7 aqua=00ffff aquamarine=7fffd4 azure=f0ffff beige=f5f5dc
    bisque=ffe4c4 black=000000 blanchedalmond=ffebcd blue=0000ff blueviolet=8a2be2 brown=a52a2a
    burlywood=deb887 cadetblue=5f9ea0 chartreuse=7fff00 chocolate=d2691e coral=ff7f50
    cornflowerblue=6495ed cornsilk=fff8dc crimson=dc143c cyan=00ffff darkblue=00008b
    darkcyan=008b8b darkgoldenrod=b8860b darkgray=a9a9a9 darkgreen=006400 darkgrey=a9a9a9
    darkkhaki=bdb76b darkmagenta=8b008b darkolivegreen=556b2f darkorange=ff8c00 darkorchid=9932cc
    darkred=8b0000 darksalmon=e9967a darkseagreen=8fbc8f darkslateblue=483d8b darkslategray=2f4f4f
    darkslategrey=2f4f4f darkturquoise=00ced1 darkviolet=9400d3 deeppink=ff1493 deepskyblue=00bfff
    dimgray=696969 dimgrey=696969 dodgerblue=1e90ff firebrick=b22222 floralwhite=fffaf0
    forestgreen=228b22 fuchsia=ff00ff gainsboro=dcdcdc ghostwhite=f8f8ff gold=ffd700
    goldenrod=daa520 gray=808080 green=008000 greenyellow=adff2f grey=808080 honeydew=f0fff0
    hotpink=ff69b4 indianred=cd5c5c indigo=4b0082 ivory=fffff0 khaki=f0e68c lavender=e6e6fa
    lavenderblush=fff0f5 lawngreen=7cfc00 lemonchiffon=fffacd lightblue=add8e6 lightcoral=f08080
    lightcyan=e0ffff lightgoldenrodyellow=fafad2 lightgray=d3d3d3 lightgreen=90ee90
    lightgrey=d3d3d3 lightpink=ffb6c1 lightsalmon=ffa07a lightseagreen=20b2aa lightskyblue=87cefa
    lightslategray=778899 lightslategrey=778899 lightsteelblue=b0c4de lightyellow=ffffe0
    lime=00ff00 limegreen=32cd32 linen=faf0e6 magenta=ff00ff maroon=800000 mediumaquamarine=66cdaa
    mediumblue=0000cd mediumorchid=ba55d3 mediumpurple=9370db mediumseagreen=3cb371
    mediumslateblue=7b68ee mediumspringgreen=00fa9a mediumturquoise=48d1cc mediumvioletred=c71585
    midnightblue=191970 mintcream=f5fffa mistyrose=ffe4e1 moccasin=ffe4b5 navajowhite=ffdead
    navy=000080 oldlace=fdf5e6 olive=808000 olivedrab=6b8e23 orange=ffa500 orangered=ff4500
    orchid=da70d6 palegoldenrod=eee8aa palegreen=98fb98 paleturquoise=afeeee palevioletred=db7093
    papayawhip=ffefd5 peachpuff=ffdab9 peru=cd853f pink=ffc0cb plum=dda0dd powderblue=b0e0e6
    purple=800080 rebeccapurple=663399 red=ff0000 rosybrown=bc8f8f royalblue=4169e1
    saddlebrown=8b4513 salmon=fa8072 sandybrown=f4a460 seagreen=2e8b57 seashell=fff5ee
    sienna=a0522d silver=c0c0c0 skyblue=87ceeb slateblue=6a5acd slategray=708090 slategrey=708090
    snow=fffafa springgreen=00ff7f steelblue=4682b4 tan=d2b48c teal=008080 thistle=d8bfd8
    tomato=ff6347 turquoise=40e0d0 violet=ee82ee wheat=f5deb3 white=ffffff whitesmoke=f5f5f5
    yellow=ffff00 yellowgreen=9acd32
"""
_NAMED: Final = dict(entry.split("=") for entry in _NAMES.split())
