"""Schemathesis over every operation of the control plane, against the built binary.

    python tests/api/run.py --binary target/debug/cortexpilot [--examples N] [--seed N] [--only OPERATION]

Three parts, each counted as checks:

1. Every operation is sent one right request, and its answer, which must be a yes, goes through all of Schemathesis' checks:
   status, body and headers are as the document says.
2. Schemathesis sends what it makes of the document, right and wrong, as nobody, as an agent and as an operator, and as a
   worker what is a worker's. Nothing may be answered with a fault of the server, a status, a body or a header that the
   document does not name, or a yes where it should have been a no.
3. The control: a document from which a status was taken away, one with another type in a body, and one without a header
   must each be found wrong.
4. The page about the worker protocol: its walk with curl is run as it stands there.

The document is what the server itself serves. Prints what went wrong, then how much was sent, then `N passed, N failed`.
"""

import argparse
import collections
import copy
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))

import requests
import schemathesis

import state as states

HERE = Path(__file__).parent
#: How a failed check, and a request that cannot be made, are raised.
FOUND = (Exception, BaseExceptionGroup)
#: What a document says makes a request right can hold while what it names does not exist, is not due, or is not the caller's.
#: Every other answer to a request that is right by the document is a failure, and so is any answer that is not documented.
DECIDED = ["2xx", "304", "400", "401", "403", "404", "409", "422", "429"]
#: Who sends what Schemathesis makes.
CALLERS = ["nobody", "agent", "worker", "operator"]
#: Schemathesis is killed after this; a caller takes well under a minute.
LIMIT = 240


class Tally:
    def __init__(self):
        self.passed, self.failed = 0, 0

    def check(self, what, ok, why=""):
        if ok:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED {what}: {why}")
        return ok


def document(url):
    return requests.get(f"{url}/api/openapi.json", timeout=30).json()


def operations(schema):
    return [found.ok() for found in schema.get_all_operations()]


def each_right_request(binary, only, tally):
    """Part 1. Which operations there are is what the document says, so a new one that nobody can call here is red."""
    with states.serving(binary) as state:
        schema = schemathesis.openapi.from_dict(document(state.url))
        known = state.known()
        found = [one for one in operations(schema) if not only or one.definition.raw["operationId"] == only]
        # What stops everything is called last.
        last = {"gate_pause": 1, "gate_resume": 2, "gate_freeze": 3, "gate_unfreeze": 4}
        found.sort(key=lambda one: last.get(one.definition.raw["operationId"], 0))
        for operation in found:
            name = operation.definition.raw["operationId"]
            try:
                parts = state.right(operation, known)
                headers = {"Authorization": f"Bearer {states.OPERATOR}", **parts.pop("headers", {})}
                if operation.method == "post":
                    headers["x-cortexpilot-role"] = "OPS"
                    parts.setdefault("body", {})
                    parts["media_type"] = "application/json"
                case = operation.Case(headers=headers, **parts)
                answer = case.call(base_url=state.url, timeout=30)
                if not tally.check(f"{name} is answered with a yes", answer.status_code < 300,
                                   f"{answer.status_code} {answer.text[:300]}"):
                    continue
                case.validate_response(answer)
                tally.check(f"{name} answers as documented", True)
            except FOUND as error:
                tally.check(f"{name} answers as documented", False, error)
        return len(found), sum("work" in one.definition.raw["tags"] for one in found)


def settings(known, examples, seed):
    """Schemathesis' own configuration: names of what is there are tried every other time."""
    lines = [f"seed = {seed}", "color = false", "max-stream-events = 3", "continue-on-failure = true",
             "request-timeout = 20", "[generation]", f"max-examples = {examples}", 'database = "none"',
             "[checks.positive_data_acceptance]", f"expected-statuses = {json.dumps(DECIDED)}"]
    for name, values in known.items():
        lines += [f"[dictionaries.{name}]", f"values = {json.dumps(values)}"]
    lines.append("[parameters]")
    for name in known:
        lines.append(f'"{name}" = {{ dictionary = "{name}", probability = 0.6 }}')
    return "\n".join(lines) + "\n"


def fuzz(binary, caller, examples, seed, only, tally):
    """Part 2, for one caller over a state of its own: how often which operation answered what."""
    with states.serving(binary) as state, tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        (scratch / "schemathesis.toml").write_text(settings(state.known(), examples, seed))
        calls = scratch / "calls"
        calls.touch()
        # From a file: from its address, the operation that serves the document itself would be left out.
        (scratch / "openapi.json").write_text(json.dumps(document(state.url)))
        command = [str(Path(sys.executable).with_name("st")), "--config-file", str(scratch / "schemathesis.toml"), "run",
                   str(scratch / "openapi.json"), "--url", state.url, "--phases", "examples,coverage,fuzzing",
                   "--suppress-health-check", "all", "--warnings", "off"]
        token = {"nobody": None, "agent": state.agent, "worker": state.worker, "operator": states.OPERATOR}[caller]
        if token:
            command += ["-H", f"Authorization: Bearer {token}"]
        if caller == "nobody":
            # Whoever is not signed in learns nothing, not even which methods a path has.
            command += ["--exclude-checks", "unsupported_method,positive_data_acceptance"]
        if only:
            command += ["--include-operation-id", only]
        elif caller == "worker":
            command += ["--include-tag", "work"]
        environment = {**os.environ, "SCHEMATHESIS_HOOKS": str(HERE / "hooks.py"), "API_CALLS": str(calls)}
        try:
            ran = subprocess.run(command, cwd=scratch, env=environment, capture_output=True, text=True, timeout=LIMIT)
            tally.check(f"as {caller}", ran.returncode == 0, f"exit code {ran.returncode}\n{ran.stdout}{ran.stderr}")
        except subprocess.TimeoutExpired:
            tally.check(f"as {caller}", False, f"Schemathesis did not end within {LIMIT} s")
        answered = collections.defaultdict(collections.Counter)
        for line in calls.read_text().splitlines():
            name, _, status = line.rsplit(" ", 2)
            answered[name][int(status)] += 1
        alive = requests.get(f"{state.url}/health", timeout=30).status_code == 200
        tally.check(f"as {caller}: the server still answers", alive)
        return answered


def controls(binary, tally):
    """Part 3: a document that is wrong must be found wrong, else the other parts prove nothing."""
    with states.serving(binary) as state:
        right = document(state.url)
        known = state.known()

        def without_status(wrong):
            del wrong["paths"]["/api/queue/{queue_id}"]["get"]["responses"]["404"]
            return "queue_get", {"path_parameters": {"queue_id": "0" * 32}}

        def other_type(wrong):
            success = wrong["paths"]["/health"]["get"]["responses"]["200"]
            success["content"]["application/json"]["schema"] = {"type": "array"}
            return "health", {}

        def other_header(wrong):
            wrong["paths"]["/health"]["get"]["responses"]["200"].setdefault("headers", {})["x-request-id"] = {
                "required": True, "schema": {"type": "integer"}}
            return "health", {}

        def as_it_is(wrong):
            return "queue_get", {"path_parameters": {"queue_id": known["queue_id"][0]}}

        for change, found in [(without_status, True), (other_type, True), (other_header, True), (as_it_is, False)]:
            wrong = copy.deepcopy(right)
            name, parts = change(wrong)
            schema = schemathesis.openapi.from_dict(wrong)
            operation = next(one for one in operations(schema) if one.definition.raw["operationId"] == name)
            case = operation.Case(headers={"Authorization": f"Bearer {states.OPERATOR}"}, **parts)
            try:
                case.call_and_validate(base_url=state.url, timeout=30)
                said = False
            except FOUND:
                said = True
            tally.check(f"control {change.__name__}", said == found, f"found wrong: {said}")


def walked(binary, tally):
    """Part 4. Each line of the walk must succeed; the ledger then has a claim and its end."""
    page = (HERE.parent.parent / "docs/reference/worker-protocol.md").read_text()
    walk = re.search(r"^## With curl\n+```sh\n(.*?)^```$", page, re.M | re.S)[1]
    with states.serving(binary) as state, tempfile.TemporaryDirectory() as scratch:
        queue_id = state.enqueue("run_a")
        (Path(scratch) / "w1.token").write_text(state.worker)
        environment = {"PATH": os.environ["PATH"], "URL": state.url}
        ran = subprocess.run(["bash", "-euxc", f"set -o pipefail\n{walk}"], cwd=scratch, env=environment, timeout=60,
                             capture_output=True, text=True)
        tally.check("the walk with curl", ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}")
        events = [line["event"] for line in state.made.ledger("queue.jsonl") if line.get("queue_id") == queue_id]
        tally.check("the walk's item", events == ["QUEUE_ENQUEUE", "QUEUE_CLAIM", "QUEUE_DONE"], events)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--examples", type=int, default=12, help="requests made for one operation, beside the fixed ones")
    parser.add_argument("--seed", type=int, default=20261122)
    parser.add_argument("--only", help="one operation's id")
    parser.add_argument("--as", dest="callers", action="append", choices=CALLERS)
    arguments = parser.parse_args()
    binary, tally = os.path.abspath(arguments.binary), Tally()
    print(f"schemathesis {schemathesis.__version__}, seed {arguments.seed}")
    known, of_workers = each_right_request(binary, arguments.only, tally)
    print(f"{known} operations were sent a right request, {of_workers} of them a worker's")
    for caller in arguments.callers or CALLERS:
        answered = fuzz(binary, caller, arguments.examples, arguments.seed, arguments.only, tally)
        sent = sum(sum(statuses.values()) for statuses in answered.values())
        yes = sum(any(status < 300 for status in statuses) for statuses in answered.values())
        by_status = collections.Counter()
        for statuses in answered.values():
            by_status.update(statuses)
        shown = ", ".join(f"{status}: {count}" for status, count in sorted(by_status.items()))
        print(f"as {caller}: {sent} requests to {len(answered)} operations, {yes} of them answered a yes ({shown})")
        if not arguments.only:
            wanted = of_workers if caller == "worker" else known
            tally.check(f"as {caller} every operation was called", len(answered) == wanted, f"{len(answered)} of {wanted}")
        tally.check(f"as {caller} no fault of the server", not any(status >= 500 for status in by_status), shown)
    controls(binary, tally)
    walked(binary, tally)
    print(f"{tally.passed} passed, {tally.failed} failed", flush=True)
    raise SystemExit(1 if tally.failed else 0)


if __name__ == "__main__":
    main()
