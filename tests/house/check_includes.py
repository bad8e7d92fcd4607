"""Include arrows point down, client and server never meet, and the system stays behind three doors.

Levels are those of docs/architecture.md. A header may be named by its path from the root of the
repository ("lib/net/net.h") or, if it is installed, as <belay/...>.
"""

import os
import re
import sys

import house

LEVELS = {
    "common/include": 0,
    "common": 0,
    "lib/include": 1,
    "lib/clock": 1,
    "lib/net": 1,
    "lib/wire": 1,
    "lib/secure": 2,
    "lib/peer": 3,
    "lib/session": 4,
    "client/include": 5,
    "client": 5,
    "server/include": 5,
    "server": 5,
    "common/jobs": 6,
    "client/jobs": 6,
    "server/jobs": 6,
    "tests": 7,
    "bench": 7,
    "examples": 7,
    "tools": 7,
    "tools/netem": 7,
}
# Arrows within one level; every other one is wrong.
SIDEWAYS = {
    ("common", "common/include"),
    ("lib/clock", "lib/include"),
    ("lib/net", "lib/include"),
    ("lib/wire", "lib/include"),
    ("lib/net", "lib/clock"),
    ("client", "client/include"),
    ("server", "server/include"),
    ("client/jobs", "common/jobs"),
    ("server/jobs", "common/jobs"),
    ("tests", "tools/netem"),
}
PUBLIC_ONLY = ("common/jobs", "client/jobs", "server/jobs", "examples")
# Headers that only these may name: of third parties, and of what could wait or run aside.
HOMES = {
    "enet/": ("lib/peer",),
    "sodium.h": ("common", "lib/secure"),
    "netdb.h": ("lib/net",),
    "pthread.h": ("lib/net",),
}
# What C17 promises everywhere, without a clock, a thread or a signal.
STANDARD = {
    f"{name}.h"
    for name in (
        "assert ctype errno fenv float inttypes iso646 limits locale math setjmp stdalign stdarg"
        " stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath uchar wchar wctype"
    ).split()
}
PLATFORM_HOMES = ("lib/net/", "lib/clock/", "lib/peer/port")

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(<([^>\n]+)>|"([^"\n]+)")', re.MULTILINE)


def unit_of(path):
    """The folder of LEVELS that a file lives in."""
    fits = [unit for unit in LEVELS if path.startswith(unit + "/")]
    return max(fits, key=len, default=None)


def public_header(root, name):
    """Where an installed header <belay/name> lives in the repository."""
    for unit in LEVELS:
        path = f"{unit}/{name}"
        if unit.endswith("/include") and os.path.exists(os.path.join(root, path)):
            return path
    return None


def is_public(unit):
    return unit.endswith("/include")


def wrong_arrow(source, target):
    """Why files of one unit may not include files of the other, or None."""
    if source == target:
        return None
    if (source, target) in SIDEWAYS:
        return None
    if LEVELS[target] == 7:
        return f"nothing includes {target}/"
    if (is_public(source) or source in PUBLIC_ONLY) and not is_public(target):
        return f"{source}/ sees installed headers only"
    if {source.split("/")[0], target.split("/")[0]} == {"client", "server"}:
        return "client and server never meet"
    if LEVELS[target] < LEVELS[source]:
        return None
    return f"{source}/ (level {LEVELS[source]}) may not include {target}/ (level {LEVELS[target]})"


def wrong_system_header(path, source, name):
    for prefix, homes in HOMES.items():
        if name.startswith(prefix):
            return None if source in homes else f"<{name}> belongs to {' and '.join(homes)}"
    if name in STANDARD or path.startswith(PLATFORM_HOMES):
        return None
    return f"platform header <{name}> outside lib/net, lib/clock and the port"


def wrong_include(root, path, angled, quoted):
    source = unit_of(path)
    if angled and not angled.startswith("belay/"):
        return None if LEVELS[source] == 7 else wrong_system_header(path, source, angled)
    target = public_header(root, angled) if angled else quoted
    if target is None or not os.path.exists(os.path.join(root, target)):
        return f"no such header {angled or quoted}: name it by its path from the root"
    if unit_of(target) is None:
        return f"{target} is in no folder of the house"
    if quoted and is_public(unit_of(target)):
        return f"an installed header: include <{target.split('/include/')[1]}>"
    return wrong_arrow(source, unit_of(target))


def problems(root):
    found = []
    for path in house.files(root, house.LIBRARY + house.USERS, (".c", ".h", ".cc")):
        if unit_of(path) is None:
            found.append(f"{path}:1: in no folder of the house")
            continue
        text = house.blank(house.read(root, path), literals=False)
        for match in INCLUDE.finditer(text):
            why = wrong_include(root, path, match[2], match[3])
            if why:
                line = text.count("\n", 0, match.start(1)) + 1
                found.append(f"{path}:{line}: {why}")
    return found


if __name__ == "__main__":
    sys.exit(house.main(problems))
