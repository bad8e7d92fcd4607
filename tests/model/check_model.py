"""The model of the resume holds in every state that it can reach, and fails without any of its rules.

usage: check_model.py resume.pml

It needs spin. Where that is not installed the test is skipped, or with BELAY_REQUIRE_SPIN=1 it fails.
"""

import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
MEGABYTES = 1000

# The trouble, how to search, and how many states that must find at least. The end is judged where all
# trouble there can be has been, so there is one search more for each kind of it that can stay away.
# All of it at once (CUTS=2, ACCIDENTS=1) has some 30 million states: too many for a test.
SEARCHES = [
    ({"CUTS": 2, "ACCIDENTS": 0, "TAKEOVERS": 0}, "states", 4_000_000),
    ({"CUTS": 2, "ACCIDENTS": 0, "TAKEOVERS": 1}, "states", 4_000_000),
    ({"CUTS": 1, "ACCIDENTS": 1, "TAKEOVERS": 0}, "states", 200_000),
    ({"CUTS": 1, "ACCIDENTS": 1, "TAKEOVERS": 1}, "states", 200_000),
    ({"CUTS": 1, "ACCIDENTS": 1, "TAKEOVERS": 1}, "cycles", 200_000),
]

# The rule that is left out, whether somebody takes over, how to search, and what that must find (with
# numbers for stale, replaced and open: 1, 2, 3).
MUTATIONS = [
    ("NO_DROP_BY_SEQUENCE", 0, "states", "delivered+1"),
    ("NO_SENDING_AGAIN", 0, "states", "delivered+1"),
    ("NO_TRUE_POSITIONS", 0, "states", "delivered+1"),
    ("NO_BUFFER_UNTIL_HANDLED", 0, "states", "freed<at[me].next"),
    ("NO_STEP_OVER_HANDLED", 0, "states", "freed<at[me].next"),
    ("NO_MEMORY_OF_OLD_LINKS", 0, "states", "<at[0].next"),
    ("NO_GIVING_UP_BEFORE_OPEN", 0, "states", "freed<="),
    ("NO_RESET_OF_OLD_LINK", 0, "states", "links-1"),
    ("NO_RISING_ATTEMPTS", 0, "states", "half<"),
    ("NO_WAITING_FOR_PROOF", 0, "states", "==2)"),
    ("NO_TICKET_AHEAD", 0, "states", "==2)"),
    ("NO_NONCE_IN_DENY", 0, "states", "==2)"),
    ("NO_MEMORY_OF_REASON", 1, "states", "==2)"),
    ("NO_END_OF_HALF_OPEN", 1, "states", "(session==3)"),
    ("NO_NEW_ATTEMPT", 0, "states", "(client==3)"),
    ("NO_ACCEPT_AGAIN", 0, "cycles", "non-progress cycle"),
]


def run(command, folder):
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if ran.returncode:
        raise SystemExit(f"{' '.join(command)}\n{ran.stdout}{ran.stderr}")
    return ran.stdout


def search(model, definitions, kind, optimize):
    """What the search prints, and the trail of the error it found, if any."""
    with tempfile.TemporaryDirectory() as folder:
        run(["spin", "-a", *(f"-D{name}={value}" for name, value in definitions.items()), model], folder)
        how = "-DSAFETY" if kind == "states" else "-DNP"
        limits = [how, "-DNOREDUCE", f"-DMEMLIM={MEGABYTES}"]
        run(["gcc", optimize, "-w", *limits, "-o", "pan", "pan.c"], folder)
        print(f"searching {kind} with {definitions}", flush=True)
        return run(["./pan", "-m10000", *(["-l"] if kind == "cycles" else [])], folder)


def number(pattern, text):
    found = re.search(pattern, text)
    return int(found[1]) if found else -1


def problem_of_search(model, definitions, kind, states_min):
    said = search(model, definitions, kind, "-O2")
    states = number(r"(\d+) states, stored", said)
    depth = number(r"depth reached (\d+)", said)
    print(f"  {definitions}: {states} states, depth {depth}")
    # What no state reaches is a rule that was never tried. Nothing here ever comes to its end.
    unreached = [line for line in re.findall(r"^\t\S+:\d+, state .*", said, re.M) if "-end-" not in line]
    if "errors: 0" not in said:
        return said
    for sign in ("not completed", "max search depth", "MEMLIM bound", "Bit statespace", "hash-compact"):
        if sign in said:
            return f"the search was cut short: {sign}\n{said}"
    if states < states_min:
        return f"{states} states are too few: {states_min} were expected"
    if definitions["ACCIDENTS"] and definitions["TAKEOVERS"] and kind == "states" and unreached:
        return "never reached:\n" + "\n".join(unreached)
    return None


def problem_of_mutation(model, name, takeovers, kind, wanted):
    definitions = {"CUTS": 1, "ACCIDENTS": 1, "TAKEOVERS": takeovers, name: 1}
    said = search(model, definitions, kind, "-O0")
    found = re.search(r"^pan:1: (.*)", said, re.M)
    print(f"  {name}: {found[1] if found else 'nothing found'}")
    if not found or wanted not in found[1]:
        return f"{name}: not found: {wanted}\n{said}"
    return None


def main(model):
    if not shutil.which("spin") or not shutil.which("gcc"):
        print("the model needs spin and gcc")
        return 1 if os.environ.get("BELAY_REQUIRE_SPIN") == "1" else SKIPPED
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        jobs = [pool.submit(problem_of_search, model, *row) for row in SEARCHES]
        jobs += [pool.submit(problem_of_mutation, model, *row) for row in MUTATIONS]
        problems = [job.result() for job in jobs]
    for problem in filter(None, problems):
        print(problem)
    return 1 if any(problems) else 0


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1])))
