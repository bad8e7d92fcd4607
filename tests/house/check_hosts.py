"""No file names the host of a package registry: what a build may fetch stands in subprojects/ alone."""

import re
import sys

import house

# In two halves, so that this file passes its own check.
HOSTS = re.compile(
    "|".join(
        re.escape(name + "." + domain)
        for name, domain in (
            ("pypi", "org"),
            ("pythonhosted", "org"),
            ("npmjs", "org"),
            ("npmjs", "com"),
            ("crates", "io"),
            ("rubygems", "org"),
            ("proxy.golang", "org"),
            ("repo.maven.apache", "org"),
            ("repo1.maven", "org"),
            ("wrapdb.mesonbuild", "com"),
            ("conan", "io"),
            ("docker", "io"),
            ("ghcr", "io"),
            ("deb.debian", "org"),
            ("archive.ubuntu", "com"),
        )
    )
)


def problems(root):
    found = []
    for path in house.files(root):
        try:
            text = house.read(root, path)
        except UnicodeDecodeError:
            continue
        for match in HOSTS.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append(f"{path}:{line}: names {match[0]}")
    return found


if __name__ == "__main__":
    sys.exit(house.main(problems))
