"""Every way to link or load Belay works, or says BELAY_E_ENET_PORT with its cure: none runs a stock
ENet unseen.

usage: check_links.py BUILD-DIR SOURCE-DIR system|bundled static|shared|both COMPILER...

Small programs are built against the libraries of a build folder, in each order that a user could
come upon, and run. "ours" is a server that starts on Belay's port, "refused" one that says why it
cannot; a link that fails is loud enough. What is certain is asserted, what depends on the linker
need only not be silent. A bundled build must always be ours.
"""

import os
import shutil
import subprocess
import sys
import tempfile

OUTCOMES = {0: "ours", 3: "refused", 4: "STOCK UNSEEN"}
LOUD = ("ours", "refused", "no link")  # everything but silence
PORT = (  # what the start-up check proves, one by one
    "enet_time_get",
    "enet_socket_create",
    "enet_socket_send",
    "enet_socket_receive",
)
OURS = ("ours",)
REFUSED = ("refused",)
WHOLE = ["-Wl,--whole-archive"]
NOT_WHOLE = ["-Wl,--no-whole-archive"]
SYSTEM = ["-lsodium", "-lpthread", "-ldl", "-lm"]


class Linker:
    def __init__(self, build, source, compiler, work):
        self.build = build
        self.source = source
        self.compiler = compiler
        self.work = work
        self.count = 0

    def run(self, command, **more):
        return subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
            **more,
        )

    def compile(self, name, defines):
        """The program's object file, made once for each set of defines."""
        path = os.path.join(self.work, name)
        includes = [f"-I{self.source}/{part}/include" for part in ("common", "lib", "server")]
        flags = ["-std=gnu17", "-Wall", "-Wextra", "-ffunction-sections", "-fPIC", *includes]
        program = os.path.join(self.source, "tests", "link", "program.c")
        made = self.run([*self.compiler, *flags, *defines, "-c", program, "-o", path])
        if made.returncode != 0:
            sys.exit(f"program.c does not compile:\n{made.stdout}")
        return path

    def archive(self, name):
        return os.path.join(self.build, f"lib{name}.a")

    def link(self, words):
        """Links words in this order; None when the linker refuses."""
        self.count += 1
        path = os.path.join(self.work, f"made{self.count}")
        made = self.run([*self.compiler, *words, "-o", path])
        return path if made.returncode == 0 else None

    def outcome(self, path, *arguments, preload=None):
        if path is None:
            return "no link"
        environment = dict(os.environ, LD_LIBRARY_PATH=self.build)
        if preload:
            environment["LD_PRELOAD"] = preload
        ran = self.run([path, *arguments], env=environment)
        return OUTCOMES.get(ran.returncode, f"exit {ran.returncode}: {ran.stdout.strip()}")


def linker_options(linker, objects):
    """The linkers of this machine, as options: the default one, and others that are there."""
    options = [("", [])]
    for name in ("bfd", "gold", "lld"):
        option = f"-fuse-ld={name}"
        if shutil.which(f"ld.{name}") and linker.link([option, objects["trivial"]]):
            options.append((f" ({name})", [option]))
    return options


def static_rows(linker, objects, enet):
    """(name, what may come of it, words of the link)"""
    main, user, carrier = objects["plain"], objects["user"], objects["carrier"]
    server, core = linker.archive("belay-server"), linker.archive("belay")
    both = [server, core]
    hidden = os.path.join(linker.work, "hide-all.map")
    with open(hidden, "w", encoding="utf-8") as file:
        file.write("{ local: *; };\n")
    rows = [
        ("archives, then -lenet", OURS, [main, *both, *enet]),
        ("-lenet, then archives", OURS, [main, "-Wl,--no-as-needed", *enet, *both]),
        ("-lenet, then archives, as needed", LOUD, [main, "-Wl,--as-needed", *enet, *both]),
        ("archives whole", OURS, [main, *WHOLE, *both, *NOT_WHOLE, *enet]),
        ("unused sections removed", OURS, ["-Wl,--gc-sections", main, *both, *enet]),
        ("position dependent", OURS, ["-no-pie", main, *both, *enet]),
        ("lazily bound", OURS, ["-Wl,-z,lazy", main, *both, *enet]),
        ("archives' symbols hidden", LOUD, ["-Wl,--exclude-libs,ALL", main, *both, *enet]),
        ("all symbols hidden", LOUD, [f"-Wl,--version-script={hidden}", main, *both, *enet]),
        ("a program with ENet, archives first", OURS, [user, *both, *enet]),
        ("a program with ENet, -lenet first", OURS, [user, *enet, *both]),
    ]
    rows.append(("a program that carries ENet", LOUD, [carrier, *both, *enet]))
    return [(f"static: {name}", allowed, words) for name, allowed, words in rows]


def shared_rows(linker, objects, enet, bundled):
    main, user, carrier = objects["plain"], objects["user"], objects["carrier"]
    place = [f"-L{linker.build}", "-Wl,--no-as-needed"]
    server, core = "-lbelay-server", "-lbelay"
    stock = OURS if bundled else REFUSED
    rows = [
        ("-lbelay-server -lbelay", OURS, [main, server, core]),
        ("-lbelay -lbelay-server", OURS, [main, core, server]),
        ("-lbelay-server -lbelay -lenet", OURS, [main, server, core, *enet]),
        ("-lbelay-server -lenet -lbelay", stock, [main, server, *enet, core]),
        ("-lenet -lbelay-server -lbelay", stock, [main, *enet, server, core]),
        ("a program with ENet, ours first", OURS, [user, server, core, *enet]),
        ("a program with ENet, -lenet first", stock, [user, *enet, server, core]),
        ("a program that carries ENet", stock, [carrier, server, core]),
        ("as needed, -lenet first, unused", OURS, [main, "-Wl,--as-needed", *enet, server, core]),
    ]
    return [(f"shared: {name}", allowed, [*place, *words]) for name, allowed, words in rows]


def library_rows(linker, objects, enet, bundled):
    """A shared library of somebody's own, made of our archives, as an engine's plugin is."""
    stock = OURS if bundled else REFUSED
    both = [linker.archive("belay-server"), linker.archive("belay")]
    whole = ["-shared", *WHOLE, *both, *NOT_WHOLE, *enet, *SYSTEM]
    plugins = [
        ("plugin of our archives", OURS, whole),
        ("plugin, -Bsymbolic", OURS, ["-Wl,-Bsymbolic", *whole]),
        ("plugin that hides all archives", LOUD, ["-Wl,--exclude-libs,ALL", *whole]),
    ]
    for name, hidden in [("our port", "enet_*"), *((name, name) for name in PORT)]:
        script = os.path.join(linker.work, f"hide-{name.split('_')[-1]}.map")
        with open(script, "w", encoding="utf-8") as file:
            file.write(f"{{ global: belay_*; enet_host*; local: {hidden}; }};\n")
        words = [f"-Wl,--version-script={script}", *whole]
        plugins.append((f"plugin that hides {name}", stock, words))
    rows = []
    for name, allowed, words in plugins:
        plugin = linker.link(words)
        for mode in ("local", "global"):
            outcome = linker.outcome(objects["loader"], plugin, mode) if plugin else "no link"
            if "undefined symbol: belay_" in outcome:
                outcome = "no link"  # everything is hidden, our own functions too
            rows.append((f"loaded: {name}, {mode}", allowed, outcome))
    return rows


def loaded_rows(linker, objects, soname, bundled):
    """What dlopen() of the shared library does. (name, what may come of it, outcome)"""
    stock = OURS if bundled else REFUSED
    ours = os.path.join(linker.build, "libbelay-server.so")
    cases = [
        ("local", OURS, "loader", ["local"], None),
        ("global", OURS, "loader", ["global"], None),
        ("deepbind", LOUD, "loader", ["deepbind"], None),
    ]
    if soname:
        cases += [
            ("libenet global before", stock, "loader", ["local", soname, "global"], None),
            ("both global, libenet before", stock, "loader", ["global", soname, "global"], None),
            ("libenet local before", stock, "loader", ["local", soname, "local"], None),
            ("libenet preloaded", stock, "loader", ["local"], soname),
            ("a program with ENet", stock, "loading user", ["local"], None),
        ]
    rows = []
    for name, allowed, program, words, preload in cases:
        outcome = linker.outcome(objects[program], ours, *words, preload=preload)
        rows.append((f"loaded: {name}", allowed, outcome))
    return rows


def linked(linker, rows, preload=None):
    for name, allowed, words in rows:
        for suffix, option in linker_options.found:
            made = linker.link([*option, *words, *SYSTEM])
            yield name + suffix, allowed, linker.outcome(made, preload=preload)


def compile_programs(linker, enet):
    objects = {"plain": linker.compile("plain.o", [])}
    objects["user"] = linker.compile("user.o", ["-DUSES_ENET"]) if enet else objects["plain"]
    objects["carrier"] = linker.compile("carrier.o", ["-DCARRIES_ENET"])
    trivial = os.path.join(linker.work, "trivial.c")
    with open(trivial, "w", encoding="utf-8") as file:
        file.write("int main(void) { return 0; }\n")
    objects["trivial"] = trivial
    loading = linker.compile("loading.o", ["-DLOADED"])
    objects["loader"] = linker.link([loading, "-ldl"])
    if enet:
        loading = linker.compile("loading-user.o", ["-DLOADED", "-DUSES_ENET"])
        objects["loading user"] = linker.link([loading, *enet, "-ldl"])
    return objects


def all_rows(linker, bundled, kind):
    enet = ["-lenet"] if linker.link(["-shared", "-lenet"]) else []
    soname = "libenet.so.7" if enet else None
    objects = compile_programs(linker, enet)
    linker_options.found = linker_options(linker, objects)
    rows = []
    if kind in ("static", "both"):
        rows += linked(linker, static_rows(linker, objects, enet))
        rows += library_rows(linker, objects, enet, bundled)
    if kind in ("shared", "both"):
        shared = shared_rows(linker, objects, enet, bundled)
        rows += linked(linker, shared)
        rows += loaded_rows(linker, objects, soname, bundled)
        if soname:
            name, _, words = shared[0]
            preloaded = [(f"{name}, libenet preloaded", OURS if bundled else REFUSED, words)]
            rows += linked(linker, preloaded, preload=soname)
    return rows


def main(build, source, enet, kind, *compiler):
    bundled = enet == "bundled"
    with tempfile.TemporaryDirectory() as work:
        rows = all_rows(Linker(build, source, compiler, work), bundled, kind)
    failed = 0
    for name, allowed, outcome in rows:
        if bundled and allowed == LOUD:
            allowed = ("ours", "no link")
        wrong = outcome not in allowed
        failed += wrong
        print(f"{name:60} {outcome}{'   <- must be ' + ' or '.join(allowed) if wrong else ''}")
    print(f"{len(rows)} ways to link, {failed} wrong")
    return 1 if failed or not rows else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
