"""What gives secrets away by its timing stays out of lib/secure, and rand() out of everything.

lib/secure compares with bl_equal(), secrets and others alike, so that nobody has to think which
it is. Chance comes from struct bl_random: rand() and its kin can be foretold.
"""

import re
import sys

import house

COMPARES = re.compile(r"\b(memcmp|bcmp|strcmp|strncmp|strcasecmp|strncasecmp)\b")
# Not a member of a struct, such as net->ops->random().
CHANCES = re.compile(r"(?<![\w.>])(?:s?rand|s?random|random_r|rand_r|[a-z]?rand48)\s*\(")

TEXT = ("strcmp", "strncmp")

# Files that compare text, with the reason why it is no secret. memcmp and bcmp have none.
ALLOWED = {
    "lib/secure/gate_judge.c": "a server's name, which its players are told",
    "lib/secure/invite.c": "an invite's host, which is in clear on the wire; its key is not text",
}
FOLDERS = house.LIBRARY + house.USERS


def is_allowed(path, name):
    return path in ALLOWED and name in TEXT


def problems(root):
    found = []
    for path in house.files(root, FOLDERS, (".c", ".h", ".cc")):
        text = house.blank(house.read(root, path))
        chances = CHANCES.finditer(text)
        matches = [(match, "is no source of chance: use bl_random_bytes()") for match in chances]
        if path.startswith("lib/secure/"):
            matches += [
                (match, "takes longer the more is equal: use bl_equal()")
                for match in COMPARES.finditer(text)
                if not is_allowed(path, match[0])
            ]
        for match, why in matches:
            line = text.count("\n", 0, match.start()) + 1
            found.append(f"{path}:{line}: {match[0].rstrip(' (')} {why}")
    return found


if __name__ == "__main__":
    sys.exit(house.main(problems))
