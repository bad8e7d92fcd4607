"""docs/requirements.md has every item of the source documents, each shown by tests that say so.

A row names its tests as `file: name`, and each must exist. An item that is in this version needs
one among them whose comment names the item; a row that decides against its item says where that was
decided. Any other item may say "Later" instead, and which part of the design it belongs to. The
other way round, a comment of a test may not name an item that the page does not have.
"""

import re
import sys

import house

PAGE = "docs/requirements.md"
PROVEN = {"R": [(1, 45)], "A": [(1, 56)],
          "W-A": [(7, 8), (10, 13), (15, 19)], "F": [(5, 12)], "W-R": [(1, 8)]}
LISTED = {"R": 48, "A": 56, "W-A": 22, "W-R": 8, "F": 15, "G": 12}

ROW = re.compile(r"^\| ([A-Z-]+)(\d+) \| (.+) \| (.+) \|$", re.MULTILINE)
TEST = re.compile(r"`([\w/]+\.(?:c|py)): (\w+)`")
LATER = re.compile(r"^Later: \w.*\.")
DECIDED = re.compile(r"\]\((?:decisions/D\d+|protocol)")
ITEM = re.compile(r"(?<![\w-])((?:W-)?[A-Z])(\d+)\b")
DEFINED = re.compile(r"START_TEST\((\w+)\)|^    def (test_\w+)\(", re.MULTILINE)
COMMENT = re.compile(
    r"""/\*.*?\*/|//[^\n]*|^[ ]*\#[ ][^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""",
    re.DOTALL | re.MULTILINE,
)
HEAD = re.compile(r"\s*/\*.*?\*/", re.DOTALL)


def must_be_proven(area, number):
    return any(first <= number <= last for first, last in PROVEN.get(area, ()))


def items_in(text):
    """Each item that a comment names, with its place in the text."""
    for comment in COMMENT.finditer(text):
        if comment[0].lstrip()[0] in "/#":
            for item in ITEM.finditer(text, comment.start(), comment.end()):
                if item[1] in LISTED:
                    yield item.start(), (item[1], int(item[2]))


def tests_of(text):
    """Each test with the items that comments name in it, above it, or at the head of the file."""
    named = list(items_in(text))
    head = HEAD.match(text)
    tests = {}
    begin, head_end = 0, head.end() if head else 0
    for test in DEFINED.finditer(text):
        end = max(text.find("\nEND_TEST", test.end()), test.end())
        tests[test[1] or test[2]] = {
            item for at, item in named if at < head_end or begin <= at < end
        }
        begin = end
    return tests


def tests_in(root):
    """Path below tests/ of each test file, with its tests and their items."""
    return {
        path.removeprefix("tests/"): tests_of(house.read(root, path))
        for path in house.files(root, ["tests"], (".c", ".py"))
    }


def strangers_in(root, listed):
    """What comments below tests/ name and the page does not have."""
    for path in house.files(root, ["tests"], (".c", ".h", ".py", "meson.build")):
        text = house.read(root, path)
        for at, item in items_in(text):
            if item not in listed:
                line = text.count("\n", 0, at) + 1
                yield f"{path}:{line}: {item[0]}{item[1]} is not on {PAGE}"


def row_problems(row, known):
    item, what, proof = (row[1], int(row[2])), row[3], row[4]
    named = TEST.findall(proof)
    if not named and (must_be_proven(*item) or not LATER.match(proof)):
        yield "names no test"
    for path, name in named:
        if name not in known.get(path, ()):
            yield f"{path} has no test {name}"
    items = [known.get(path, {}).get(name, ()) for path, name in named]
    if named and must_be_proven(*item) and not any(item in some for some in items):
        yield "is named by no comment of its tests"
    if "Overruled" in what and not DECIDED.search(what):
        yield "does not say where it was overruled"


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
    return found + list(strangers_in(root, seen))


if __name__ == "__main__":
    sys.exit(house.main(problems))
