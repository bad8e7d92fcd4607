"""docs/requirements.md has every item of the source documents, each proven by tests that exist.

An item of the areas below names at least one test, as `file: name`. Any other item may say instead
that it is not in this version, and which part of the design it belongs to.
"""

import re
import sys

import house

PAGE = "docs/requirements.md"
PROVEN = {"R": [(1, 10), (14, 48)], "A": [(1, 27), (33, 33), (35, 45), (49, 50), (53, 56)],
          "W-A": [(8, 8), (10, 12), (14, 19)], "W-R": [(3, 7)]}
LISTED = {"R": 48, "A": 56, "W-A": 22, "W-R": 8, "F": 15, "G": 12}

ROW = re.compile(r"^\| ([A-Z-]+)(\d+) \| (.+) \| (.+) \|$", re.MULTILINE)
TEST = re.compile(r"`([\w/]+\.(?:c|py)): (\w+)`")
ABSENT = re.compile(r"^Not in this version: \w.*\.")
DEFINED = re.compile(r"START_TEST\((\w+)\)|^    def (test_\w+)\(", re.MULTILINE)


def must_be_proven(area, number):
    return any(first <= number <= last for first, last in PROVEN.get(area, ()))


def tests_in(root):
    """Path below tests/ of each test file, with the names of its tests."""
    return {
        path.removeprefix("tests/"): {c or py for c, py in DEFINED.findall(house.read(root, path))}
        for path in house.files(root, ["tests"], (".c", ".py"))
    }


def row_problems(row, known):
    area, number, proof = row[1], int(row[2]), row[4]
    named = TEST.findall(proof)
    if not named and (must_be_proven(area, number) or not ABSENT.match(proof)):
        yield "names no test"
    for path, name in named:
        if name not in known.get(path, ()):
            yield f"{path} has no test {name}"


def problems(root):
    text = house.read(root, PAGE)
    known = tests_in(root)
    seen = set()
    found = []
    for row in ROW.finditer(text):
        line = text.count("\n", 0, row.start()) + 1
        found += [f"{PAGE}:{line}: {row[1]}{row[2]} {what}" for what in row_problems(row, known)]
        seen.add((row[1], int(row[2])))
    for area, count in LISTED.items():
        missing = [number for number in range(1, count + 1) if (area, number) not in seen]
        found += [f"{PAGE}:1: {area}{number} is missing" for number in missing]
    return found


if __name__ == "__main__":
    sys.exit(house.main(problems))
