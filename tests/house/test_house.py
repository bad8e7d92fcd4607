"""Each house check passes a clean little house and fails once something wrong is planted in it."""

import os
import tempfile
import unittest

import check_format
import check_headers
import check_hosts
import check_includes
import check_listed
import check_readme
import check_secrets
import check_shell
import check_sizes

CLEAN = {
    "common/bytes.h": '#include <belay/result.h>\n#include <stdint.h>\n',
    "common/bytes.c": '#include "common/bytes.h"\n/* #include <unistd.h> */\n',
    "common/meson.build": "common_sources = files(\n  'bytes.c',\n)\n",
    "common/include/belay/init.h": (
        "#ifdef __cplusplus\n"
        "#define BELAY_INIT_(type) ([] { type o{}; o.struct_size = sizeof(type); return o; }())\n"
        "#else\n"
        "#define BELAY_INIT_(type) {.struct_size = sizeof(type)}\n"
        "#endif\n"
    ),
    "common/include/belay/result.h": "enum belay_result { BELAY_OK };\n",
    "lib/clock/clock.h": '#include "common/bytes.h"\n',
    "lib/net/net.c": '#include "lib/clock/clock.h"\n#include <belay/sim.h>\n#include <unistd.h>\n',
    "lib/net/meson.build": "lib_sources += files('net.c')\n",
    "lib/wire/frame.h": '#include "common/bytes.h"\n',
    "lib/peer/port.c": "#include <dlfcn.h>\n#include <enet/enet.h>\n",
    "lib/peer/meson.build": "lib_sources += files('port.c')\n",
    "lib/session/state.h": '#include "lib/wire/frame.h"\n',
    "lib/include/belay/sim.h": (
        "#include <belay/init.h>\n#include <stddef.h>\n"
        "struct belay_link { size_t struct_size; float loss; };\n"
        "#define BELAY_LINK_INIT BELAY_INIT_(struct belay_link)\n"
    ),
    "client/include/belay/client.h": "#include <belay/result.h>\n",
    "client/client.h": '#include "lib/session/state.h"\n#include <belay/client.h>\n',
    "server/server.h": '#include "lib/session/state.h"\n',
    "README.md": "<!-- examples/shown.c -->\n```c\nint shown;\n```\n",
    "examples/shown.c": "/* Shown. */\nint shown;\n",
    "examples/echo.c": "#include <belay/client.h>\n#include <sys/epoll.h>\n",
    "examples/meson.build": "foreach name : ['echo', 'shown']\nendforeach\n",
    "tests/net/test_net.c": '#include "lib/net/net.h"\n#include <sys/socket.h>\n',
    "tests/netem/test_link.c": '#include "tools/netem/link.h"\n',
    "tests/netem/meson.build": "foreach name : ['link']\nendforeach\n",
    "tools/netem/link.h": '#include "lib/net/net.h"\n#include <sys/socket.h>\n',
    "tests/net/meson.build": "foreach name : ['net']\nendforeach\n",
    "lib/net/net.h": "",
    "tools/run": "#!/bin/sh\nset -eu\necho \"$1\"\n",
}


def lines(count):
    return "    work();\n" * count


class HouseTest(unittest.TestCase):
    def house(self, planted):
        """A clean house in a folder of its own, with some files put in or replaced."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for path, text in {**CLEAN, **planted}.items():
            full = os.path.join(folder.name, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as file:
                file.write(text)
        return folder.name

    def test_a_clean_house_has_no_problems(self):
        root = self.house({})
        for check in (
            check_includes, check_sizes, check_headers, check_listed, check_hosts, check_readme,
            check_secrets, check_shell,
        ):
            with self.subTest(check.__name__):
                self.assertEqual(check.problems(root), [])

    def finds(self, check, path, text, word):
        with self.subTest(path=path, text=text[:60]):
            found = check.problems(self.house({path: text}))
            self.assertEqual(len(found), 1, found)
            self.assertIn(path, found[0])
            self.assertIn(word, found[0])

    def test_a_wrong_include_is_found(self):
        for path, text, word in (
            ("common/a.h", '#include "lib/clock/clock.h"\n', "level 1"),
            ("common/a.h", "#include <belay/sim.h>\n", "level 1"),
            ("lib/clock/a.h", '#include "lib/net/net.h"\n', "level 1"),
            ("lib/wire/a.h", '#include "lib/clock/clock.h"\n', "level 1"),
            ("lib/net/a.h", '#  include "lib/session/state.h"\n', "level 4"),
            ("lib/session/a.h", '#include "client/client.h"\n', "level 5"),
            ("lib/session/a.h", "#include <belay/client.h>\n", "level 5"),
            ("client/a.h", '#include "server/server.h"\n', "never meet"),
            ("server/a.h", "#include <belay/client.h>\n", "never meet"),
            ("server/jobs/a.h", '#include "server/server.h"\n', "installed headers only"),
            ("client/jobs/a.h", '#include "common/bytes.h"\n', "installed headers only"),
            ("common/jobs/a.h", '#include "common/bytes.h"\n', "installed headers only"),
            ("server/jobs/a.h", "#include <belay/client.h>\n", "never meet"),
            ("lib/include/belay/a.h", '#include "lib/net/net.h"\n', "installed headers only"),
            ("lib/include/belay/a.h", "#include <belay/client.h>\n", "level 5"),
            ("lib/peer/a.h", '#include "tests/net/test_net.c"\n', "nothing includes tests"),
            ("tools/a.h", '#include "examples/echo.c"\n', "nothing includes examples"),
            ("bench/a.h", '#include "tools/netem/link.h"\n', "nothing includes tools/netem"),
            ("tools/netem/a.h", '#include "tests/net/test_net.c"\n', "nothing includes tests"),
            ("examples/a.h", '#include "common/bytes.h"\n', "installed headers only"),
            ("lib/session/a.h", "#include <enet/enet.h>\n", "belongs to lib/peer"),
            ("lib/peer/a.h", "#include <sodium.h>\n", "belongs to common and lib/secure"),
            ("lib/clock/a.h", "#include <pthread.h>\n", "belongs to lib/net"),
            ("lib/peer/port.c", "#include <netdb.h>\n", "belongs to lib/net"),
            ("lib/session/a.h", "#include <time.h>\n", "platform header"),
            ("lib/peer/a.h", "#include <sys/socket.h>\n", "platform header"),
            ("client/include/belay/a.h", "#include <netinet/in.h>\n", "platform header"),
            ("common/a.h", '#include "bytes.h"\n', "by its path from the root"),
            ("common/a.h", "#include <belay/none.h>\n", "no such header"),
            ("client/a.h", '#include "client/include/belay/client.h"\n', "<belay/client.h>"),
            ("lib/other/a.h", "int a;\n", "no folder of the house"),
        ):
            self.finds(check_includes, path, text, word)

    def test_something_too_large_is_found(self):
        long = "static int sum(int a,\n               int b) {\n" + lines(68) + "}\n"
        many = ",".join(f" int p{i}" for i in range(6))
        for text, word in (
            (long, "71 function-lines"),
            ('extern "C" {\n' + long + "}\n", "71 function-lines"),
            ("struct s {\n    int a;\n};\n" + long, "71 function-lines"),
            ("int x[] = {1,\n2};\n" + long, "71 function-lines"),
            ("#define OPEN {\n" + long, "71 function-lines"),
            (f"void f({many}) {{\n}}\n", "6 parameters"),
            ("void f(int (*a)(int, int), int b, int c, int d, int e, int g) {\n}\n", "6 parameters"),
            ("int a; /*" + "x" * 90 + "*/\n", "101 columns"),
            ("int a;\n" * 801, "801 file-lines"),
        ):
            self.finds(check_sizes, "lib/net/a.c", text, word)

    def test_what_only_looks_large_is_not(self):
        for text in (
            "static int sum(int a,\n               int b) {\n" + lines(67) + "}\n",
            "struct s {\n" + "    int a;\n" * 100 + "};\n",
            "static const int table[] = {\n" + "    1,\n" * 100 + "};\n",
            "void f(int (*a)(int, int, int), int b, int c, int d, int e) {\n}\n",
            "void belay_f(int a, int b, int c, int d, int e, int g) {\n}\n",
            "void f(void) {\n    char c = '{';\n}\n" * 30,
        ):
            with self.subTest(text[:40]):
                self.assertEqual(check_sizes.problems(self.house({"lib/net/a.c": text})), [])

    def test_the_list_of_offenders_only_shrinks(self):
        text = "void f(void) {\n" + lines(78) + "}\n"
        for size, count, word in (("80", 0, ""), ("79", 1, "at most 79"), ("90", 1, "lower")):
            root = self.house({
                "lib/net/a.c": text,
                check_sizes.ALLOWED: f"# a comment\nfunction-lines lib/net/a.c f {size}\n",
            })
            with self.subTest(size):
                found = check_sizes.problems(root)
                self.assertEqual(len(found), count, found)
                self.assertIn(word, "".join(found))
        root = self.house({check_sizes.ALLOWED: "function-lines lib/net/gone.c f 80\n"})
        self.assertIn("remove the entry", check_sizes.problems(root)[0])

    def test_an_installed_header_that_needs_others_is_found(self):
        found = check_headers.problems(self.house({"lib/include/belay/a.h": "size_t a(void);\n"}))
        self.assertEqual(len(found), len(list(check_headers.compilers())))
        self.assertIn("lib/include/belay/a.h", found[0])

    def test_a_wrong_init_macro_is_found(self):
        for macro, word in (("{0}", "is not made with"), ("BELAY_INIT_(struct a)", "do not compile")):
            header = f"struct a {{ int b; }};\n#define BELAY_A_INIT {macro}\n"
            text = "#include <belay/init.h>\n" + header
            found = check_headers.problems(self.house({"lib/include/belay/a.h": text}))
            self.assertIn(word, "".join(found))
        wrong = CLEAN["common/include/belay/init.h"].replace("= sizeof(type)", "= 1")
        found = check_headers.problems(self.house({"common/include/belay/init.h": wrong}))
        self.assertIn("1 *_INIT macros are wrong", "".join(found))

    def test_a_source_that_nobody_builds_is_found(self):
        self.finds(check_listed, "common/lost.c", "", "in no meson.build")
        self.finds(check_listed, "tests/net/test_lost.c", "", "in no meson.build")

    def test_a_registry_is_found(self):
        self.finds(check_hosts, "docs/a.md", "see https://pypi" + ".org/x\n", "names")

    def test_a_program_in_the_readme_that_is_not_the_built_one_is_found(self):
        shown = "<!-- examples/echo.c -->\n```c\nint a;\n```\n"
        for code, count in (("/* why */\nint a;\n", 0), ("/* why */\nint b;\n", 1)):
            root = self.house({"README.md": shown, "examples/echo.c": code})
            self.assertEqual(len(check_readme.problems(root)), count)
        self.finds(check_readme, "README.md", "no program here\n", "shows no program")

    def test_unformatted_code_is_found(self):
        if not check_format.formatter():
            self.skipTest("clang-format 14 is not installed")
        root = self.house({"common/a.c": "int  a ;\n"})
        self.assertIn("common/a.c:1", "".join(check_format.problems(root)))

    def test_a_program_that_the_readme_shows_wrongly_is_found(self):
        shown = "<!-- examples/shown.c -->\n```c\nint other;\n```\n"
        self.finds(check_readme, "README.md", shown, "examples/shown.c")
        self.finds(check_readme, "README.md", "no program\n", "shows no program")

    def test_a_comparison_that_takes_its_time_is_found(self):
        for name in ("memcmp", "bcmp", "strcmp", "strncmp"):
            text = f"int f(void) {{ return {name}(a, b, 1); }}\n"
            self.finds(check_secrets, "lib/secure/a.c", text, name)
            self.finds(check_secrets, "lib/secure/a.h", f"#define SAME {name}\n", name)
            with self.subTest(name):
                self.assertEqual(check_secrets.problems(self.house({"lib/net/a.c": text})), [])
        self.finds(check_secrets, "lib/secure/invite.c", "int a = memcmp(a, b, 1);\n", "memcmp")

    def test_what_is_no_such_comparison_is_not_found(self):
        for path, text in (
            ("lib/secure/a.c", "/* not memcmp() */\nint a = sodium_memcmp(a, b, 1);\n"),
            ("lib/secure/invite.c", "int a = strcmp(host, other);\n"),
        ):
            with self.subTest(path):
                self.assertEqual(check_secrets.problems(self.house({path: text})), [])

    def test_chance_from_elsewhere_is_found(self):
        for call in ("rand()", "random ()", "srand(1)", "srandom(1)", "rand_r(&a)", "drand48()"):
            for path in ("common/a.c", "tests/net/net_a.h", "bench/a.h"):
                self.finds(check_secrets, path, f"int a = {call};\n", "source of chance")
        for call in ("bl_net_random(net)", "net->ops->random(net)", "ops.random(net)"):
            with self.subTest(call):
                root = self.house({"lib/net/net.h": f"int a = {call};\n"})
                self.assertEqual(check_secrets.problems(root), [])

    def test_a_bad_script_is_found(self):
        self.finds(check_shell, "tools/a", "#!/bin/sh\nif true; then\n", "tools/a")


if __name__ == "__main__":
    unittest.main()
