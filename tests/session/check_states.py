"""docs/session-states.md shows the state table as it is in the code.

usage: check_states.py PRINT-STATES DOCUMENT [--write]

The part between the two markers is what the program PRINT-STATES prints. Without --write a
difference is an error; with it the document is brought up to date.
"""

import difflib
import subprocess
import sys

BEGIN = "<!-- made by tests/session/check_states.py --write: begin -->\n"
END = "<!-- made by tests/session/check_states.py --write: end -->\n"


def main(program, path, write):
    table = subprocess.run([program], stdout=subprocess.PIPE, text=True, check=True).stdout
    with open(path, encoding="utf-8") as file:
        document = file.read()
    if document.count(BEGIN) != 1 or document.count(END) != 1:
        print(f"{path}: the markers are not there once each")
        return 1
    before, rest = document.split(BEGIN)
    shown, after = rest.split(END)
    if shown == table:
        return 0
    if write:
        with open(path, "w", encoding="utf-8") as file:
            file.write(before + BEGIN + table + END + after)
        return 0
    sys.stdout.writelines(
        difflib.unified_diff(shown.splitlines(True), table.splitlines(True), path, "lib/session/state.c")
    )
    print(f"\nrun: {sys.argv[0]} {program} {path} --write")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], "--write" in sys.argv[3:]))
