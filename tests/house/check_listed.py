"""Every source file is named in a meson.build: a file that nobody builds has already broken."""

import os
import sys

import house


def listings(root, path):
    """(path as seen from there, text) of each meson.build at or above a file."""
    folder = os.path.dirname(path)
    while folder:
        listing = f"{folder}/meson.build"
        if os.path.exists(os.path.join(root, listing)):
            yield os.path.relpath(path, folder), house.read(root, listing)
        folder = os.path.dirname(folder)


def is_listed(root, path):
    """By its name; tests and programs, which stand in lists of their own, without ending or test_."""
    for name, text in listings(root, path):
        stem = os.path.splitext(name)[0]
        if any(f"'{form}'" in text for form in (name, stem, stem.removeprefix("test_"))):
            return True
    return False


def problems(root):
    sources = house.files(root, house.LIBRARY + house.USERS, (".c", ".cc"))
    return [f"{path}:1: in no meson.build" for path in sources if not is_listed(root, path)]


if __name__ == "__main__":
    sys.exit(house.main(problems))
