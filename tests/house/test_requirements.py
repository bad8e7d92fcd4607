"""check_requirements.py passes a whole page, and fails once an item is missing, unproven or wrong."""

import os
import tempfile
import unittest

import check_requirements

PROOF = "`a/test_a.c: it_works`"
ALL = [f"{area}{number}" for area, count in check_requirements.LISTED.items()
       for number in range(1, count + 1)]


def page(changed):
    """A page with every item; changed replaces the rest of a row, and "" leaves the row out."""
    lines = ["# Requirements", "", "| | What | Where |", "|---|---|---|"]
    rows = {**{item: f"It works. | {PROOF}" for item in ALL}, **changed}
    return "\n".join(lines + [f"| {item} | {rest} |" for item, rest in rows.items() if rest])


def source(items, test="it_works"):
    """A test file with one test, whose comment names the items."""
    return f"#include <check.h>\n/* {', '.join(items)} */\nSTART_TEST({test}) {{\n}}\nEND_TEST\n"


class RequirementsTest(unittest.TestCase):
    def problems(self, changed=None, tests=source(ALL), more=""):
        with tempfile.TemporaryDirectory() as root:
            for path, text in (
                ("docs/requirements.md", page(changed or {}) + "\n"),
                ("tests/a/test_a.c", tests),
                ("tests/b/test_b.c", more),
            ):
                full = os.path.join(root, path)
                os.makedirs(os.path.dirname(full))
                with open(full, "w", encoding="utf-8") as file:
                    file.write(text)
            return check_requirements.problems(root)

    def finds(self, word, **house):
        with self.subTest(word, **house):
            found = self.problems(**house)
            self.assertEqual(len(found), 1, found)
            self.assertIn(word, found[0])

    def test_a_whole_page_has_no_problems(self):
        self.assertEqual(self.problems(), [])
        for item, rest in (
            ("F13", "It works. | Later: jobs."),
            ("R1", f"It works. | {PROOF}<br>{PROOF}"),
            ("R1", f"Overruled: it need not ([D1](decisions/D1-x.md)). | {PROOF}"),
            ("R1", f"Overruled ([D3](decisions/D3-x.md)): it need not. | {PROOF}"),
        ):
            with self.subTest(rest):
                self.assertEqual(self.problems({item: rest}), [])

    # R27: an item without a test is an error of this house.
    def test_what_is_wrong_is_found(self):
        for item, rest, word in (
            ("R1", "It works. | it just works", "R1 names no test"),
            ("R1", "It works. | Later: jobs.", "R1 names no test"),
            ("A28", "It works. | later", "A28 names no test"),
            ("A28", "It works. | Later: ", "A28 names no test"),
            ("F1", "It works. | `a/test_a.c: nothing`", "no test nothing"),
            ("F1", "It works. | Later: jobs. Today: `a/test_a.c: nothing`", "no test nothing"),
            ("A5", f"It works. | {PROOF}<br>`a/test_b.c: it_works`", "a/test_b.c has no test"),
            ("A5", f"Overruled: it need not. | {PROOF}", "where it was overruled"),
        ):
            self.finds(word, changed={item: rest})
        for item in ("R1", "A28", "W-A22"):
            others = [other for other in ALL if other != item]
            self.finds(f"{item} is missing", changed={item: ""}, tests=source(others))

    def test_a_comment_of_a_test_names_what_it_is_for(self):
        others = [item for item in ALL if item != "R1"]
        self.finds("R1 is named by no comment", tests=source(others))
        self.finds("R1 is named by no comment", tests=source(others) + "/* R1 */\n")
        for tests in (
            "/* R1: the head of a file is about all of it. */\n" + source(others),
            source(others).replace("{\n", "{\n    /* R1 */\n"),
            source(others).replace("START", "static const int x; /* R1 */\nSTART"),
        ):
            with self.subTest(tests[-80:]):
                self.assertEqual(self.problems(tests=tests), [])

    def test_a_comment_that_names_what_is_not_there_is_found(self):
        for more in ("/* R49 */\n", "int a; // W-A23\n", source(["A57"]), "/*\n * G13: no. */\n"):
            self.finds("tests/b/test_b.c:", more=more)
        for more in ("/* D99, x86, C17 */\n", 'char *a = "/* R49 */";\n', "int R49;\n"):
            with self.subTest(more):
                self.assertEqual(self.problems(more=more), [])


if __name__ == "__main__":
    unittest.main()
