"""Functions, files, parameter lists and lines stay small (docs/style.md).

tests/house/sizes_allowed.txt names what is larger today, each with its size: "what path [function]
size". An entry that is too large or no longer needed is a problem too, so the list only shrinks.
"""

import os
import re
import sys

import house

LIMITS = {"function-lines": 70, "parameters": 5, "file-lines": 800, "columns": 100}
ALLOWED = "tests/house/sizes_allowed.txt"

PREPROCESSOR = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)
NAME_OF_FUNCTION = re.compile(r"([A-Za-z_]\w*)\s*$")


def matching_start(text, end):
    """Where the parenthesis that closes at end was opened."""
    depth = 0
    for at in range(end, -1, -1):
        depth += {")": 1, "(": -1}.get(text[at], 0)
        if depth == 0:
            return at
    return 0


def parameter_count(text):
    if text.strip() in ("", "void"):
        return 0
    flat = text
    while re.search(r"\([^()]*\)", flat):
        flat = re.sub(r"\([^()]*\)", "", flat)
    return flat.count(",") + 1


def functions(text):
    """(name, first line, number of lines, number of parameters) of each function defined in a file."""
    code = PREPROCESSOR.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), house.blank(text))
    depth = 0
    head_at = 0
    current = None
    for match in re.finditer(r"[{};]", code):
        at, sign = match.start(), match[0]
        if sign == "{":
            if depth == 0:
                head = code[head_at:at].rstrip()
                if not head.strip() or head.strip() == "extern":  # extern "C"
                    head_at = at + 1
                    continue
                current = function_head(head, head_at, code)
            depth += 1
        elif sign == "}" and depth > 0:
            depth -= 1
            if depth == 0 and current:
                name, first, parameters = current
                last = code.count("\n", 0, at) + 1
                yield name, first, last - first + 1, parameters
        if depth == 0 and sign != "{":
            head_at = at + 1


def function_head(head, head_at, code):
    """(name, line, parameters) if this is what stands before a function's body, else None."""
    if not head.endswith(")"):
        return None
    opened = matching_start(head, len(head) - 1)
    name = NAME_OF_FUNCTION.search(head[:opened])
    if not name or "=" in head[:opened]:
        return None
    start = head_at + len(head) - len(head.lstrip())
    return name[1], code.count("\n", 0, start) + 1, parameter_count(head[opened + 1 : -1])


def sizes(root):
    """(what, where, size, place to show) of everything that has a limit."""
    for path in house.files(root, house.LIBRARY, (".c", ".h")):
        text = house.read(root, path)
        lines = text.splitlines()
        yield "file-lines", path, len(lines), f"{path}:1"
        for number, line in enumerate(lines, 1):
            yield "columns", path, len(line), f"{path}:{number}"
        for name, first, length, parameters in functions(text):
            yield "function-lines", f"{path} {name}", length, f"{path}:{first}"
            if not name.startswith("belay_"):  # installed functions are designed as a whole
                yield "parameters", f"{path} {name}", parameters, f"{path}:{first}"


def allowed_sizes(root):
    if not os.path.exists(os.path.join(root, ALLOWED)):
        return {}
    allowed = {}
    for line in house.read(root, ALLOWED).splitlines():
        if line and not line.startswith("#"):
            what, where, size = re.fullmatch(r"(\S+) (.+) (\d+)", line).groups()
            allowed[what, where] = int(size)
    return allowed


def problems(root):
    allowed = allowed_sizes(root)
    largest = {}
    found = []
    for what, where, size, place in sizes(root):
        largest[what, where] = max(size, largest.get((what, where), 0))
        limit = max(LIMITS[what], allowed.get((what, where), 0))
        if size > limit:
            found.append(f"{place}: {where}: {size} {what}, at most {limit}")
    for (what, where), size in allowed.items():
        now = largest.get((what, where), 0)
        if now <= LIMITS[what]:
            found.append(f"{ALLOWED}:1: {what} {where} is within the limit now: remove the entry")
        elif now < size:
            found.append(f"{ALLOWED}:1: {what} {where} is down to {now}: lower the entry")
    return found


if __name__ == "__main__":
    sys.exit(house.main(problems))
