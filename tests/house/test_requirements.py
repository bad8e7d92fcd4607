"""check_requirements.py passes a whole page and fails once an item of it is missing, unproven or wrong."""

import os
import tempfile
import unittest

import check_requirements

TESTS = "START_TEST(it_works) {\n}\nEND_TEST\n"
PROOF = "`a/test_a.c: it_works`"


def page(changed=None):
    """A page with every item; changed replaces the proof of one of them, None leaves it out."""
    lines = ["# Requirements", "", "| | What | Where |", "|---|---|---|"]
    for area, count in check_requirements.LISTED.items():
        for number in range(1, count + 1):
            proof = (changed or {}).get(f"{area}{number}", PROOF)
            if proof:
                lines.append(f"| {area}{number} | It works. | {proof} |")
    return "\n".join(lines) + "\n"


class RequirementsTest(unittest.TestCase):
    def problems(self, changed=None):
        with tempfile.TemporaryDirectory() as root:
            for path, text in (("docs/requirements.md", page(changed)), ("tests/a/test_a.c", TESTS)):
                full = os.path.join(root, path)
                os.makedirs(os.path.dirname(full))
                with open(full, "w", encoding="utf-8") as file:
                    file.write(text)
            return check_requirements.problems(root)

    def test_a_whole_page_has_no_problems(self):
        self.assertEqual(self.problems(), [])
        self.assertEqual(self.problems({"R11": "Not in this version: movement."}), [])
        self.assertEqual(self.problems({"R1": f"{PROOF}<br>{PROOF}"}), [])

    def test_what_is_wrong_is_found(self):
        for item, proof, word in (
            ("R1", "", "R1 is missing"),
            ("W-A22", "", "W-A22 is missing"),
            ("R1", "it just works", "R1 names no test"),
            ("R1", "Not in this version: movement.", "R1 names no test"),
            ("R11", "later", "R11 names no test"),
            ("R11", "Not in this version: ", "R11 names no test"),
            ("A5", "`a/test_a.c: it_fails`", "has no test it_fails"),
            ("A5", f"{PROOF}<br>`a/test_b.c: it_works`", "a/test_b.c has no test"),
            ("F5", "Not in this version: jobs. Today: `a/test_a.c: nothing`", "no test nothing"),
        ):
            with self.subTest(item=item, proof=proof):
                found = self.problems({item: proof})
                self.assertEqual(len(found), 1, found)
                self.assertIn(word, found[0])


if __name__ == "__main__":
    unittest.main()
