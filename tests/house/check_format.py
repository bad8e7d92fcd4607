"""clang-format 14 would change nothing. Other versions decide differently, so they are not asked."""

import os
import re
import sys

import house


def formatter():
    path = house.tool("clang-format-14", "clang-format")
    if path and " version 14." in house.run([path, "--version"])[1]:
        return path
    return None


def problems(root):
    program = formatter()
    if not program:
        print("clang-format 14 is not installed: skipped")
        return None
    paths = house.files(root, house.LIBRARY + house.USERS, (".c", ".h", ".cc"))
    full = [os.path.join(root, path) for path in paths]
    _, said = house.run([program, "--dry-run", "-Werror", *full])
    first = {}
    for path, line in re.findall(r"^(/.*?):(\d+):\d+: error", said, re.MULTILINE):
        first.setdefault(os.path.relpath(path, root), line)
    return [f"{path}:{line}: clang-format -i would change this" for path, line in first.items()]


if __name__ == "__main__":
    sys.exit(house.main(problems))
