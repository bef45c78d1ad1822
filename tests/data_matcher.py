"""Cases shared by the tests of paths and matcher and by the benchmarks."""

from __future__ import annotations

# --- what Next.js 15 answers -----------------------------------------------------------------

GOLDEN_PATHS = [
    "/",
    "/about",
    "/about/",
    "/About",
    "/about/x",
    "/about/x/y",
    "/aboutx",
    "/api",
    "/api/x",
    "/apixyz",
    "/_next/static/a.js",
    "/favicon.ico",
    "/en/admin",
    "/de/admin/x",
    "/fr/admin",
    "/user/12",
    "/user/ab",
    "/a",
    "/a/b",
    "/dashboard",
    "/dashboard/",
    "/dashboard/x",
    "/settings/y",
    "/files/a.txt",
]

GOLDEN = {
    "/": "/",
    "/about": "/about /about/",
    "/about/:path*": "/about /about/ /about/x /about/x/y",
    "/about/:path+": "/about/x /about/x/y",
    "/about/:path?": "/about /about/ /about/x",
    "/about/:path": "/about/x",
    "/about/(.*)": "/about/ /about/x /about/x/y",
    "/:path*": " ".join(GOLDEN_PATHS),
    "/((?!api|_next/static|_next/image|favicon.ico).*)": " ".join(
        path
        for path in GOLDEN_PATHS
        if path not in ("/api", "/api/x", "/apixyz", "/_next/static/a.js", "/favicon.ico")
    ),
    "/:lang(en|de)/admin/:path*": "/en/admin /de/admin/x",
    r"/user/:id(\d+)": "/user/12",
    "/files/:name.:ext": "/files/a.txt",
    "/a{/b}?": "/a /a/b",
    "/(dashboard|settings)/:path*": "/dashboard /dashboard/ /dashboard/x /settings/y",
}

# Pattern, position, what the message must show.
MISTAKES = [
    ("/(?!api|_next).*", 2, "/((?!api|_next).*)"),
    (
        "/(?!api|_next/static|_next/image|favicon.ico).*",
        2,
        "/((?!api|_next/static|_next/image|favicon.ico).*)",
    ),
    ("/(?!api):path*", 2, "/:path((?!api).*)"),
    ("/(?:en|de)/x", 2, "/(en|de)/x"),
    ("/(?<n>x)/y", 2, "/:n(x)/y"),
    ("/about/*", 7, "/about/:path*"),
    ("/about/*", 7, "/about/(.*)"),
    ("/a*", 2, "/a/:path*"),
    ("/a*", 2, "/a(.*)"),
    ("/a?", 2, r"/a\?"),
    ("/a+", 2, r"/a\+"),
    ("/:a:b", 3, "/:a/:b"),
    ("/:a/x/:a", 6, "used twice"),
    ("/:", 1, "needs a name"),
    ("/:é", 1, "needs a name"),
    ("/x}", 2, "never opened"),
    ("/{a", 1, "never closed"),
    ("/{a{b}}", 3, "do not nest"),
    ("/{:a:b}", 4, "one parameter"),
    ("/(a", 1, "never closed"),
    ("/()", 1, "(.*)"),
    ("/(a(b))", 3, "/(a(?:b))"),
    ("/x(.*)*", 2, "/x/(.*)*"),
    ("/a\\", 2, "/a"),
    (r"/(\A)", 2, "[A]"),
    (r"/(\cat|dog)", 2, "[c]"),
    (r"/(\p{L})", 2, "[p]"),
    (r"/(a\1)", 3, "references"),
    ("/(a(?i:b))", 3, "no group"),
    ("/(a(?P<x>b))", 3, "no group"),
    ("/(a++)", 4, "another quantifier"),
    ("/(a{2}+)", 6, "another quantifier"),
    ("/(*a)", 2, "nothing to repeat"),
    ("/(^*a)", 3, "nothing to repeat"),
    ("/(a|$?)", 5, "nothing to repeat"),
    (r"/(\b+)", 4, "nothing to repeat"),
    ("/x(?=b)y", 3, "/x((?=b)y)"),
    ("/a(?!b):p*/c", 3, "/a:p((?!b).*)/c"),
    ("/(a{99999999999})", 2, "too large"),
    ("/([a)", 2, "never closed"),
    ("/((?:a+)+)", 8, "exponential"),
    ("/((?:x|a*)*)", 10, "exponential"),
    ("/:x((?:a|/)b)*", 1, "exponential"),
    ("/([z-a])", 2, "cannot compile"),
    ("/((?<=a+)b)", 2, "cannot compile"),
]

# Pattern, matching, not matching: behaviour of path-to-regexp 6.3 beyond the golden table
LANGUAGE = [
    ("/a//b", ["/a//b"], ["/a/b"]),
    ("/a/", ["/a/", "/a//"], ["/a"]),
    ("/:a", ["/x", "/x/", "/a b", "/x\n"], ["/", "/x/y"]),
    ("/:a?", ["/", "/x", "/x/"], ["/x/y"]),
    ("/:a?/b", ["/b", "/x/b"], ["/x/y/b", "/x"]),
    ("/:a*/b", ["/b", "/x/b", "/x/y/b", "/b/b"], ["/x", "/"]),
    ("/:a+/b", ["/x/b", "/b/b"], ["/b"]),
    ("/:a*/:b", ["/x", "/x/y"], ["/"]),
    ("/:a-:b", ["/x-y", "/x-y-z", "/--y"], ["/x", "/x-", "/-y"]),
    ("/x-:a?", ["/x-", "/x-1"], ["/x"]),
    ("/x{-:a}?", ["/x", "/x-1"], ["/x-"]),
    ("/x{-:a}*", ["/x", "/x-1", "/x-1-2"], ["/x-", "/y"]),
    (r"/x{-:a(\d)}+", ["/x-1", "/x-1-2"], ["/x", "/x-", "/x-12"]),
    ("/{:a.}?b", ["/b", "/x.b"], ["/x/b", "/.b"]),
    (r"/\:a", ["/:a"], ["/x"]),
    (r"/a\*", ["/a*"], ["/a"]),
    (r"/a\(b\)", ["/a(b)"], ["/ab"]),
    ("/a.b", ["/a.b"], ["/axb"]),
    (r"/(\d+)/(\w+)", ["/1/a"], ["/a/1"]),
    (r"/:x([a-z]+)/y", ["/ab/y"], ["/a1/y", "//y"]),
    ("/:x([a-z]*)/y", ["/ab/y", "//y"], ["/1/y"]),
    ("/:x(a|b)+", ["/a", "/a/b/a"], ["/", "/c", "/a/c"]),
    ("/:x(a|b)*", ["/", "/a", "/a/b/a"], ["/c", "/a/c"]),
    ("/:all(.*)*", ["/", "/x", "/x/y", "/x//y"], []),
    ("/p/:all([^.]*)*", ["/p", "/p/x", "/p/x/y"], ["/p/x.y"]),
    ("/:file(.*\\.png)", ["/a.png", "/a/b.png"], ["/a.jpg"]),
    ("/((?!api$).*)", ["/apix", "/x", "/api\n"], ["/api"]),
    ("/((?!.*\\.).*)", ["/x"], ["/x.y"]),
    ("/([[a])", ["/[", "/a"], ["/b"]),
    ("/([\\w-])", ["/a", "/-"], ["/."]),
    ("/([a\\-z])", ["/a", "/-", "/z"], ["/b"]),
    ("/([^])", ["/a", "/\n"], ["/ab"]),
    (r"/([\b])", ["/\b"], ["/b", "/", "/\\"]),
    (r"/([^\b])", ["/b"], ["/\b"]),
    (r"/(\t|[\n\v\f\r\0])", ["/\t", "/\n", "/\v", "/\f", "/\r", "/\0"], ["/t", "/n", "/0", "/\\t"]),
    ("/x([])", [], ["/x", "/x]"]),
    ("/(a{,2})", ["/a{,2}"], ["/a", "/aa"]),
    ("/(\\u0041\\x42)", ["/AB"], ["/ab"]),
    ("/(a|b$)", ["/a", "/b"], ["/b\n"]),
    ("/%41", ["/%41"], ["/A"]),
    ("/é/:x", ["/é/x"], ["/e/x"]),
]

# --- R040, R041: PATH_INFO that some server or framework serves as a page below /admin ----------

MUST_PROTECT = [
    "/admin", "/admin/", "/admin/x", "/admin/x/", "/admin/x/y", "/admin/%41", "/admin/a b",
    # slashes
    "//admin", "///admin", "////admin/x", "admin", "admin/", "admin/x", "/admin//", "/admin//x",
    "/admin///x", "//admin//x",
    # controls
    "/admin\n", "/admin\r\n", "/admin/\n", "/admin/x\n", "/admin/x\ny", "/admin\x00",
    "/admin\x00.css", "/admin\t", "/adm\x00in", "\n/admin", "/\x01admin", "/admin\x7f", "admin\n",
    # octets that are not UTF-8
    "/adm\xffin", "/\xffadmin", "/admin\xa0", "/admin\xff/x", "\xff/admin", "/admin/\xff",
    "/\xff/admin", "/a\xc3dmin", "//\xffadmin", "/admin\xc0\xaf", "/\xff../admin",
    # dot segments
    "/x/../admin", "/./admin", "/.//admin", "/static/../admin/x", "/admin/..", "/admin/../x",
    "/admin/.", "/x/./../admin", "/../admin", "/../../admin", "/x/y/../../admin", "./admin",
    "../admin", "/x//../admin", "/x/..//admin", "/public/../admin",
    "/public/x/../../admin", "/admin/../public/x", "/public/..\\admin",
    # parameters
    "/admin;x", "/admin;", "/admin/;x", "/admin;a=b/x", "/x/..;/admin", "/x/..;a/admin",
    "/;x/admin", "/admin;jsessionid=1;v=2/x", "/public/..;/admin",
    # backslashes
    "\\admin", "\\\\admin", "/\\admin", "/x\\..\\admin", "/admin\\x", "/admin\\..", "\\x\\../admin",
    # fragment and query
    "/admin#frag", "/admin?x", "/admin#", "/admin?", "/admin?x#y", "/admin#x?y", "/admin/x?y",
    "/admin?/../x", "/admin#/public",
    # encoded once more
    "/%61dmin", "/%2e%2e/admin", "/x/%2e%2e/admin", "/x%2f..%2fadmin", "%2fadmin", "/%2fadmin",
    "/admin%0a", "/admin%23x", "/admin%3fx", "/admin%3bx", "/adm%ffin", "/admin%2fx", "/%5cadmin",
    "/public/%2e%2e/admin", "/public%2f..%2fadmin",
    # absolute form, and the authority dropped
    "http://host/admin", "http://host//admin", "HTTPS://u@host:1/admin", "//host/admin",
    # several at once
    "//x/..;a/\xffadmin\n", "/x\\..\\%61dmin;y#z", "\\\\x/..\\\xffadmin?y", "/\x01%2e%2e/admin;x\n",
]  # fmt: skip

# ... that are no spelling of a page below /admin (R043)
MUST_PASS = [
    "/", "", "/adm", "/admi", "/administrator", "/administrator/x", "/admin-public", "/admin.html",
    "/admin_x", "/admin2", "/adminx/y", "/xadmin", "/x-admin", "/x/admin", "/x/admin/y",
    "/public/admin", "/public/admin/", "/ADMIN", "/Admin", "/aDmin/x", "/admin ", "/ admin",
    "/admin%", "/admin+", "/admin,", "/admin:", "/admin=", "/admin~", "/admin!", "/admin@x",
    "/ad/min", "/ad.min", "/login", "/static/app.css", "/static/.well-known", "/.well-known/x",
    "/.admin", "/..admin", "/admin..", "/...", "/x/..y/admin", "/caf\xc3\xa9", "/caf\xe9",
    "/\xef\xbc\xa1dmin", "/\xef\xbd\x81dmin", "/a\xcc\x80dmin", "/admin\xc3\xa9", "/x?/y", "/x;/y",
    "/x#/admin2", "/files/a%20b", "/search/c++", "/user/o'neil", "/50%", "/%zz", "/a;b;c",
    "/api/v1/users", "*", "/favicon.ico",
]  # fmt: skip

# ... public under /public/:path*
PUBLIC = [
    "/public", "/public/", "/public/x", "/public/x/", "/public/a/b/c", "/public/admin",
    "/public/style.css", "/public/a b", "/public/a;v=1", "/public/caf\xc3\xa9", "/public/caf\xe9",
    "/public//x", "/public/x//y", "/public/./x", "/public/x/../y", "/public/.well-known",
    "/public/50%", "/public/%41", "/public/a#b", "/public/a?b", "/public/x\n", "/public/..x",
    "/public/\xff", "/public/a\\b", "/public/a%2fb",
]  # fmt: skip

# ... and those that only look so
NOT_PUBLIC = [
    "/publicx", "/public-x", "/PUBLIC/x", "/public.html", "/x/public/y", "/public/..",
    "/public/../x", "/public/../public/../x", "/public/%2e%2e/x", "/public\\..\\x", "public/x",
    "/x/../public/y", "/x/..;/public/y", "//public/x", "http://public/x", "/public;/x\\../../y",
    "/pub\xfflic/x", "/public/x/../../x", "/;/public", "/#/public/x", "/x?/public",
]  # fmt: skip
