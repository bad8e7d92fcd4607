"""The programs that README.md shows are the ones that are built, word for word behind their first comment."""

import re
import sys

import house

SHOWN = re.compile(r"<!-- (\S+\.c) -->\n```c\n(.*?)```", re.DOTALL)


def problems(root):
    shown = SHOWN.findall(house.read(root, "README.md"))
    if not shown:
        return ["README.md:1: shows no program"]
    return [
        f"README.md:1: differs from {path}"
        for path, code in shown
        if house.read(root, path).split("*/\n", 1)[1] != code
    ]


if __name__ == "__main__":
    sys.exit(house.main(problems))
