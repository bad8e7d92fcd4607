"""What the house checks share: which files there are, and C text without what is not code.

Each check_*.py has one function, problems(root), that returns lines of text, best as
"path:line: what is wrong". No line, no problem.
"""

import os
import re
import shutil
import subprocess
import sys

LIBRARY = ("common", "lib", "client", "server")
USERS = ("tests", "bench", "examples", "tools")
SKIPPED = 77  # how a Meson test says that it could not run


def files(root, folders=("",), suffixes=("",)):
    """Paths below the folders, relative to root, sorted; build folders and what git ignores left out."""
    found = []
    for folder in folders:
        for place, names, here in os.walk(os.path.join(root, folder)):
            names[:] = [name for name in names if is_ours(place, name)]
            found += [os.path.relpath(os.path.join(place, name), root) for name in here]
    return sorted(path.replace(os.sep, "/") for path in found if path.endswith(tuple(suffixes)))


def is_ours(place, name):
    if os.path.basename(place) == "subprojects":
        return name == "packagefiles"
    return not name.startswith(("build", ".git", "__pycache__"))


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def tool(*names):
    """The first of these programs that is installed, or None."""
    return next((path for path in map(shutil.which, names) if path), None)


def run(command, text=None):
    """Exit status and everything it printed."""
    done = subprocess.run(
        command, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.returncode, done.stdout


COMMENT_OR_LITERAL = re.compile(
    r"""/\*.*?\*/ | //[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""", re.DOTALL | re.VERBOSE
)


def blank(text, literals=True):
    """The text with comments (and literals) turned into spaces; lines stay where they are."""

    def spaces(match):
        if match[0][0] in "\"'" and not literals:
            return match[0]
        return re.sub(r"[^\n]", " ", match[0])

    return COMMENT_OR_LITERAL.sub(spaces, text)


def main(problems):
    """Runs one check over the root named on the command line and tells the result."""
    found = problems(sys.argv[1])
    if found is None:
        return SKIPPED
    for line in found:
        print(line)
    return 1 if found else 0
