"""Runs the security scanner `cisco-ai-mcp-scanner` over both servers, and over a poisoned one that it must not let pass.

    target/clients/scanner/bin/python tests/agents/scan.py --binary target/debug/cortexpilot

The scanner exits with zero whatever it finds, so its report is read. Its analyzers `yara` and `schema` run: those that need
no account. Prints a row for each scan, then `N passed, N failed`; what could not run is a line `NOT RUN: …`.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from world import COMMANDS, HERE, PILOT, READ_ONLY, World, has_http

ANALYZERS = "yara,schema"
LIMIT = 180

# Server → how many tools it has; a scan that saw fewer says nothing.
TOOLS = {READ_ONLY: 12, PILOT: 2}

# The scanner's command line, with an argument for our one prompt: it fills in an empty text for each, which names no run.
COMMAND_LINE = """
import sys
from mcpscanner.core.scanner import Scanner
Scanner._default_prompt_arguments = staticmethod(lambda prompt: {"run_id": "run_ok"})
from mcpscanner.cli import cli_entry_point
sys.argv[0] = "mcp-scanner"
cli_entry_point()
"""

# What a server has besides tools, per subcommand: options, how the summary counts what was looked at, and what must be
# zero. Runs are JSON, which the scanner skips unless it is told.
BESIDES = {
    "prompts": ([], "Prompts scanned", ["Unsafe prompts", "Incomplete prompts"]),
    "resources": (["--mime-types", "application/json"], "Scanned", ["Unsafe resources", "Incomplete resources", "Failed"]),
    "instructions": ([], "Instructions scanned", ["Unsafe", "Incomplete"]),
}

# Server → how many of these it has.
HAS = {READ_ONLY: {"prompts": 1, "resources": 2, "instructions": 1}, PILOT: {"prompts": 0, "resources": 0, "instructions": 1}}

# The one finding of the protocol checks that is right here: HTTP without TLS, which the servers speak on loopback alone.
PLAIN_HTTP = {"MCPS-001"}


class Scanner:
    """The scanner's command line, in the virtual environment that runs this file."""

    def __init__(self, home):
        self.environment = {
            "PATH": os.environ.get("PATH", ""), "HOME": str(home), "TERM": "dumb", "NO_COLOR": "1", "COLUMNS": "200",
            # A library of the scanner's would fetch a price list when it is imported.
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        }

    def scan(self, *words):
        """The summary that a scan prints."""
        return self.run("--analyzers", ANALYZERS, "--format", "summary", *words)

    def run(self, *words):
        done = subprocess.run([sys.executable, "-c", COMMAND_LINE, *words], env=self.environment,
                              cwd=self.environment["HOME"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT)
        return done.stdout + (done.stderr if done.returncode else "")


def number(summary, words):
    """The number behind some words of a summary; `None` where the summary does not have them."""
    found = re.search(rf"^{words}:\s*(\d+)\s*$", summary, re.MULTILINE)
    return int(found[1]) if found else None


class Rows:
    def __init__(self):
        self.passed = self.failed = 0
        self.seen = []

    def row(self, name, holds, said, summary):
        self.passed += holds
        self.failed += not holds
        self.seen.append({"scan": name, "result": said})
        print(f"  {'ok  ' if holds else 'FAIL'} {name:<44} {said}", flush=True)
        if not holds:
            print("      " + summary.strip().replace("\n", "\n      ")[-4000:], flush=True)

    def clean(self, name, summary, wanted, counted="Total tools scanned", zero=("Unsafe items",)):
        """A scan that looked at exactly so many items, with nothing in the columns that must be zero."""
        looked_at, bad = number(summary, counted), {column: number(summary, column) for column in zero}
        holds = looked_at == wanted and all(count == 0 for count in bad.values())
        said = ", ".join(f"{column.lower()}: {count}" for column, count in bad.items())
        self.row(name, holds, f"{looked_at} looked at, {said}", summary)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--evidence", help="write what was found below this directory")
    options = parser.parse_args()
    options.binary = os.path.abspath(options.binary)
    release = version("cisco-ai-mcp-scanner")
    print(f"Security scanner: cisco-ai-mcp-scanner {release}", flush=True)
    home = Path(tempfile.mkdtemp(prefix="cortexpilot-scan-"))
    world = World(home, options.binary, gate=True)
    scanner, rows = Scanner(home), Rows()
    try:
        for name, tools in TOOLS.items():
            words = [f"--stdio-env={key}={value}" for key, value in world.settings.items()]
            summary = scanner.scan("stdio", "--stdio-command", options.binary, "--stdio-arg", COMMANDS[name], *words)
            rows.clean(f"stdio: {COMMANDS[name]}", summary, tools)
        summary = scanner.scan("stdio", "--stdio-command", sys.executable, "--stdio-arg", str(HERE / "fixture.py"),
                               "--stdio-arg", "poisoned")
        unsafe = number(summary, "Unsafe items")
        rows.row("control: a poisoned server", unsafe == 1, f"unsafe items: {unsafe}", summary)
        if has_http(options.binary):
            over_http(world, scanner, rows)
        else:
            print("NOT RUN: over HTTP: this program has no `serve --mcp-pilot`")
    finally:
        world.close()
        shutil.rmtree(home)
    if options.evidence and not rows.failed:
        path = Path(options.evidence) / "scanner.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = {"scanner": f"cisco-ai-mcp-scanner {release}", "analyzers": ANALYZERS, "scans": rows.seen}
        path.write_text(json.dumps(kept, indent=2) + "\n")
    print(f"{rows.passed} passed, {rows.failed} failed", flush=True)
    raise SystemExit(1 if rows.failed or not rows.passed else 0)


def over_http(world, scanner, rows):
    """The same and more over HTTP, as an agent that is signed in; and what a server shows to whoever is not."""
    for name, tools in TOOLS.items():
        url = world.http(name)
        signed_in = ["--server-url", url, "--bearer-token", world.token]
        where = f"http: {COMMANDS[name].removeprefix('mcp-').removesuffix('-server')}"
        rows.clean(f"{where}: tools", scanner.scan("remote", *signed_in), tools)
        for kind, (options, counted, zero) in BESIDES.items():
            rows.clean(f"{where}: {kind}", scanner.scan(kind, *signed_in, *options), HAS[name][kind], counted, zero)
        report = scanner.run("protocol", "--server-url", url)
        found = set(re.findall(r"MCPS-\d+", report))
        rows.row(f"{where}: protocol, not signed in", found == PLAIN_HTTP, f"findings: {', '.join(sorted(found))}", report)


if __name__ == "__main__":
    main()
