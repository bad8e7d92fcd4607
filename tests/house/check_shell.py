"""Shell scripts are POSIX sh: they parse, and shellcheck, where installed, has nothing to say."""

import os
import sys

import house

FOLDERS = ("tools", "tests", ".ci")


def is_script(root, path):
    try:
        first = house.read(root, path).split("\n", 1)[0]
    except UnicodeDecodeError:
        return False
    return first in ("#!/bin/sh", "# shellcheck shell=sh")


def problems(root):
    found = []
    checker = house.tool("shellcheck")
    if not checker:
        print("shellcheck is not installed: only the syntax is checked")
    for path in filter(lambda path: is_script(root, path), house.files(root, FOLDERS)):
        full = os.path.join(root, path)
        commands = [["sh", "-n", full]]
        if checker:
            commands.append([checker, "--shell=sh", "--external-sources", f"--source-path={root}", full])
        for command in commands:
            status, said = house.run(command)
            if status:
                found.append(f"{path}:1: {os.path.basename(command[0])}\n{said}")
                break
    return found


if __name__ == "__main__":
    sys.exit(house.main(problems))
