"""Runs the official conformance suite against the product's servers over HTTP and against the fixture on the same layer.

    python3 tests/conformance/run.py --binary target/debug/cortexpilot --fixture target/debug/cortexpilot-mcp-fixture \\
        --node NODE --home DIRECTORY

NODE is a node program, DIRECTORY holds `node_modules` with the suite. The product's servers are held against a list of
expected failures, in which every line is a fixture that the product rightly does not serve; a line that passes, or that
nothing failed by, is red. The fixture has no such list: a warning is red there, too. Prints what is red and why, then
`N passed, N failed`; the counts are the suite's own checks.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent / "clients"))

import product

SUITE = "node_modules/@modelcontextprotocol/conformance/dist/index.js"
LEGACY, MODERN = "2025-11-25", "2026-07-28"
LIMIT = 300
BAD = ("FAILURE", "WARNING")


def readonly(*arguments):
    """As it stands, without sign-in, which a loopback address alone may do."""
    @contextmanager
    def run(options):
        with product.product(options.binary) as made:
            env = {**made.env, "CORTEXPILOT_API_AUTH_REQUIRED": "off"}
            with product.serving([options.binary, *arguments], made.root, env) as (host, port):
                yield f"http://{host}:{port}{product.PATHS['readonly']}"

    return run


@contextmanager
def pilot(options):
    """An agent's own token goes with every request: the suite cannot send one, so a relay does."""
    with product.product(options.binary, gate=True) as made:
        with made.http() as (relay, token):
            relay.headers.append(("Authorization", f"Bearer {token}"))
            yield relay.url(product.PATHS["pilot"])


def fixture(*arguments):
    @contextmanager
    def run(options):
        with tempfile.TemporaryDirectory() as home:
            with product.serving([options.fixture, *arguments], home, dict(os.environ)) as (host, port):
                yield f"http://{host}:{port}/mcp"

    return run


#: The server, the versions it is asked in, its expected failures (none: not one, and no warning either).
RUNS = [
    ("read-only server", readonly("serve", "--port", "0"), (LEGACY, MODERN), "expected-readonly.yaml"),
    ("read-only server alone", readonly("mcp-readonly-server", "--http", "127.0.0.1:0"), (LEGACY, MODERN),
     "expected-readonly.yaml"),
    ("queue pilot", pilot, (LEGACY, MODERN), "expected-pilot.yaml"),
    ("fixture", fixture(), (MODERN,), None),
    ("fixture with sessions", fixture("--sessions"), (LEGACY,), None),
]


def expected_failures(name):
    """The entries of a list, `scenario` or `scenario:check`. Each must say why, in a comment of its own or of its block."""
    if name is None:
        return []
    entries, why = [], False
    for number, line in enumerate((HERE / name).read_text().splitlines(), 1):
        entry = re.fullmatch(r"  - ([a-z0-9-]+(?::[A-Za-z0-9_$-]+)?)( +# .+)?", line)
        if entry:
            if not (why or entry[2]):
                raise SystemExit(f"{name}:{number} gives no reason")
            entries.append(entry[1])
        elif re.fullmatch(r"  # .+", line):
            why = True
        elif not line:
            why = False
        elif not line.startswith("#") and line != "server:":
            raise SystemExit(f"{name}:{number} is no line of such a list: {line}")
    return entries


def scenarios(options, version):
    listed = suite(options, "list", "--server", "--spec-version", version)
    return re.findall(r"^ *- ([a-z0-9-]+)", listed.stdout, re.MULTILINE)


def suite(options, *arguments):
    return subprocess.run([options.node, str(Path(options.home) / SUITE), *arguments], capture_output=True, text=True,
                          timeout=LIMIT)


class Result:
    def __init__(self):
        self.passed = 0
        self.red = []

    def fail(self, what):
        self.red.append(what)
        print(f"FAILED {what}", flush=True)


def one(options, label, url, version, entries, result):
    """One run of the whole suite; gives the entries that something failed by."""
    with tempfile.TemporaryDirectory() as out:
        done = suite(options, "server", "--url", url, "--suite", "all", "--spec-version", version, "-o", out)
        checks = {}
        for file in sorted(Path(out).glob("*/checks.json")):
            name = re.fullmatch(r"server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z", file.parent.name)[1]
            checks[name] = json.loads(file.read_text())
    for missing in sorted(set(scenarios(options, version)) - set(checks)):
        result.fail(f"{label}: {missing} did not run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    used = set()
    for scenario, found in sorted(checks.items()):
        verdicts = [check for check in found if check["status"] in (*BAD, "SUCCESS")]
        result.passed += sum(check["status"] == "SUCCESS" for check in verdicts)
        if not verdicts and scenario not in entries:
            result.fail(f"{label}: {scenario} checked nothing")
        elif not verdicts:
            used.add(scenario)
        for check in verdicts:
            if check["status"] not in BAD:
                continue
            entry = next((one for one in (scenario, f"{scenario}:{check['id']}") if one in entries), None)
            if entry:
                used.add(entry)
            else:
                why = check.get("errorMessage") or json.dumps(check.get("details"))
                result.fail(f"{label}: {scenario}:{check['id']} ({check['status']}): {why[:1500]}")
        # A check may occur many times in a scenario: while one occurrence fails, its entry stands.
        failing = {check["id"] for check in verdicts if check["status"] in BAD}
        for check in sorted({check["id"] for check in verdicts} - failing):
            if f"{scenario}:{check}" in entries:
                result.fail(f"{label}: {scenario}:{check} passes now: take it off the list")
        if scenario in entries and verdicts and not failing:
            result.fail(f"{label}: {scenario} passes now: take it off the list")
    return used


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("binary", "fixture", "node", "home"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--only", help="one server, by a part of its name")
    options = parser.parse_args()
    for name in ("binary", "fixture", "home"):
        setattr(options, name, os.path.abspath(getattr(options, name)))
    if os.sep in options.node:
        options.node = os.path.abspath(options.node)
    result = Result()
    for label, start, versions, expected in RUNS:
        if options.only and options.only not in label:
            continue
        entries, used = expected_failures(expected), set()
        for version in versions:
            # A server of its own for each version: what one run leaves behind is no other run's.
            with start(options) as url:
                before = result.passed, len(result.red)
                used |= one(options, f"{label}, {version}", url, version, entries, result)
                print(f"{label}, {version}: {result.passed - before[0]} checks passed, "
                      f"{len(result.red) - before[1]} red", flush=True)
        for entry in entries:
            if entry not in used:
                result.fail(f"{label}: nothing failed by {entry}: take it off {expected}")
    print(f"{result.passed} passed, {len(result.red)} failed", flush=True)
    raise SystemExit(1 if result.red else 0)


if __name__ == "__main__":
    main()
