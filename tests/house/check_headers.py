"""Every installed header stands alone in C17 and C++17, and every *_INIT macro does what it says.

Strict C17 without platform macros: a POSIX type in an installed header does not compile here.
"""

import os
import re
import sys
import tempfile

import house

INCLUDES = ("common/include", "lib/include", "client/include", "server/include")
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Werror")
COMPILERS = {
    "c": (("gcc", "clang", "clang-14"), "-std=c17"),
    "c++": (("g++", "clang++", "clang++-14"), "-std=c++17"),
}
DEFINES_INIT = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(BELAY_\w+_INIT)\b(.*)", re.MULTILINE)
INIT_OF = re.compile(r"\s*BELAY_INIT_\(([\w ]+)\)\s*$")


def compilers():
    """(language, command) for each compiler that is installed."""
    for language, (names, standard) in COMPILERS.items():
        here = {os.path.realpath(path): path for path in map(house.tool, names) if path}
        for path in here.values():
            yield language, [path, "-x", language, standard, *WARNINGS]


def init_program(inits):
    """A program of both languages that starts a value with each macro and looks at its size."""
    lines = sorted({f"#include <belay/{header}>" for header, _, _ in inits})
    lines += ["int main(void) {", "int wrong = 0;"]
    for _, macro, kind in inits:
        lines += ["{", f"{kind} value = {macro};", "wrong += value.struct_size != sizeof value;", "}"]
    return "\n".join(lines + ["return wrong;", "}", ""])


def problems(root):
    folders = [os.path.join(root, folder) for folder in INCLUDES]
    search = [f"-I{folder}" for folder in folders if os.path.isdir(folder)]
    headers = house.files(root, INCLUDES, (".h",))
    found = []
    inits = []
    for path in headers:
        text = house.blank(house.read(root, path))
        for macro, body in DEFINES_INIT.findall(text):
            kind = INIT_OF.match(body)
            if kind:
                inits.append((os.path.basename(path), macro, kind[1]))
            else:
                found.append(f"{path}:1: {macro} is not made with BELAY_INIT_(type)")

    used = set()
    for language, command in compilers():
        used.add(language)
        for path in headers:
            program = f"#include <belay/{os.path.basename(path)}>\nint stands_alone;\n"
            status, said = house.run([*command, *search, "-fsyntax-only", "-"], program)
            if status:
                found.append(f"{path}:1: does not compile alone with {command[0]}\n{said}")
        found += wrong_inits(command, search, inits)
    for language in COMPILERS.keys() - used:
        print(f"no compiler of {language} is installed: left out")
    return found


def wrong_inits(command, search, inits):
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "inits")
        status, said = house.run([*command, *search, "-o", program, "-"], init_program(inits))
        if status:
            return [f"the *_INIT macros do not compile with {command[0]}\n{said}"]
        status, said = house.run([program])
        return [f"{status} *_INIT macros are wrong with {command[0]}"] if status else []


if __name__ == "__main__":
    sys.exit(house.main(problems))
