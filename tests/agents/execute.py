#!/usr/bin/env python3
"""Real coding agents carry out a task, offline, with a scripted model on loopback that asks for one shell command: first by hand
(`cortexpilot runs record --runner …`), then as a queue item of that run, by a worker (`cortexpilot run-next`). What is held to
is the two run directories that come out.

    python3 tests/agents/execute.py --binary PATH --prefix DIR [--client claude-code|codex]

Prints a line a case, `NOT RUN: …` for what could not run, and `N passed, N failed`.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from clients import CLIENTS, found
from model import answer_messages, answer_responses, message_item

TASK = "Append the word two to the notes"
COMMAND = "printf 'two\\n' >> docs/notes.txt"
LEVELS = ["none", "confined", "namespaces"]
RUNNERS = {"claude-code": "claude", "codex": "codex"}
LIMIT = 120
SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"

try:
    import jsonschema
    WRONG = [jsonschema.ValidationError]
except ImportError:
    jsonschema, WRONG = None, []


class Model:
    """Asks for the command once, and is done. Keeps what it was told."""

    def __init__(self):
        self.told = ""

    def serve(self):
        model = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_HEAD(self):
                self.plain(200, {})

            def do_GET(self):
                self.plain(200, {"data": [], "models": [], "has_more": False})

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)))
                path = self.path.split("?")[0]
                if path.endswith("/v1/messages"):
                    model.messages(self, body)
                elif path.endswith("/v1/responses"):
                    model.responses(self, body)
                elif path.endswith("/v1/messages/count_tokens"):
                    self.plain(200, {"input_tokens": 1000})
                else:
                    self.plain(404, {"error": {"message": path}})

            def plain(self, status, body):
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data)

            def stream(self, events):
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.send_header("connection", "close")
                self.end_headers()
                for event in events:
                    self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
                self.wfile.flush()
                self.close_connection = True

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    def messages(self, handler, body):
        self.told += json.dumps(body["messages"], ensure_ascii=False)
        tools = [tool.get("name") for tool in body.get("tools") or []]
        if "Bash" in tools and '"tool_result"' not in json.dumps(body["messages"]):
            call = {"type": "tool_use", "id": "call_1", "name": "Bash", "input": {"command": COMMAND, "description": "Append"}}
            return answer_messages(handler, body, [call], "tool_use")
        return answer_messages(handler, body, [{"type": "text", "text": "Done."}], "end_turn")

    def responses(self, handler, body):
        self.told += json.dumps(body.get("input"), ensure_ascii=False)
        tools = [tool.get("name") for tool in body.get("tools") or []]
        if "exec_command" in tools and "function_call_output" not in json.dumps(body.get("input")):
            call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "exec_command",
                    "arguments": json.dumps({"cmd": COMMAND}), "status": "completed"}
            return answer_responses(handler, [call])
        return answer_responses(handler, [message_item("Done.")])


def git(repo, *words):
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.invalid", *words], cwd=repo, check=True,
                   stdout=subprocess.DEVNULL, env={**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null"})


class Place:
    """A repository, a runtime root, and the program with the environment of who operates it."""

    def __init__(self, place, binary, program, port):
        self.place, self.binary, self.program = Path(place), binary, program
        repo = self.place / "repo"
        (repo / "docs").mkdir(parents=True)
        (repo / "docs" / "notes.txt").write_text("one\n")
        git(repo, "init", "-q")
        git(repo, "add", "-A")
        git(repo, "commit", "-q", "-m", "first")
        self.environment = {
            "PATH": f"{Path(program).parent}:/usr/local/bin:/usr/bin:/bin", "HOME": place, "USER": "dana",
            "CORTEXPILOT_RUNTIME_ROOT": str(self.place / "rt"), "CORTEXPILOT_MCP_QUEUE_PILOT_ENABLE_APPLY": "1",
            "ANTHROPIC_API_KEY": "dummy", "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{port}",
            "OPENAI_API_KEY": "dummy", "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1",
        }

    def says(self, *words):
        """Runs a command that must succeed and gives what it printed."""
        done = subprocess.run([self.binary, *words], cwd=self.place, env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=LIMIT)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout


def held(place, run_id, level):
    """What must hold of a run directory, whoever asked for the run. Gives its manifest and how many lines became events."""
    run = place.place / "rt" / "runs" / run_id
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["status"] == "SUCCESS", manifest
    assert (run / "diff_name_only.txt").read_text() == "docs/notes.txt\n"
    assert "+two" in (run / "patch.diff").read_text()
    assert manifest["sandbox"]["level"] == level, manifest["sandbox"]
    assert manifest["usage"]["input_tokens"] > 0 and manifest["usage"]["output_tokens"] > 0, manifest["usage"]
    assert manifest["runner"]["session_id"], manifest["runner"]
    lines = (run / "logs" / "runner.stdout.log").read_text().splitlines()
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    told = [event["context"]["raw"] for event in events if event["event"] == "RUNNER_EVENT"]
    assert told == [json.loads(line) for line in lines if line.strip()], "events are not the lines that were printed"
    place.says("contract", "validate", "--manifest", str(run / "manifest.json"))
    place.says("contract", "validate", str(run / "contract.json"))
    place.says("runs", "check", run_id)
    if jsonschema:  # A second opinion, from another implementation.
        for document, schema in (("manifest.json", "run_manifest"), ("contract.json", "task_contract")):
            schema = json.loads((SCHEMAS / f"{schema}.schema.json").read_text())
            jsonschema.Draft202012Validator(schema).validate(json.loads((run / document).read_text()))
    return manifest, len(told)


def case(binary, program, runner, level):
    """A first run by hand, and the item that is queued from it by a worker; raises where something does not hold."""
    model = Model()
    server = model.serve()
    with tempfile.TemporaryDirectory() as directory:
        place = Place(directory, binary, program, server.server_address[1])
        around = ["--sandbox", level, "--read", program]
        recorded = json.loads(place.says(
            "runs", "record", "--output", "json", "--repo", "repo", "--spec", TASK, "--allow", "docs", "--test",
            "grep -q two docs/notes.txt", "--network", "--timeout", "90", *around,
            # Codex gives its tools by its model's name; to one that it does not know, the plain ones.
            "--runner", runner, *(["--model", "scripted"] if runner == "codex" else [])))
        assert recorded["changed_files"] == ["docs/notes.txt"], recorded
        source = recorded["run_id"]
        held(place, source, level)
        assert TASK in model.told and "docs" in model.told, "the model was not told the task"
        model.told = ""
        place.says("queue", "preview", source, "-o", "plan.json")
        item = json.loads(place.says("queue", "enqueue", "--plan", "plan.json", "--role", "OWNER", "--requested-by", "dana",
                                     "--reason", "once more", "--confirm", "--output", "json"))
        said = [json.loads(line) for line in place.says("run-next", "--output", "json", *around).splitlines()]
        assert said[-1] == {**said[-1], "event": "ended", "outcome": "succeeded"}, said
        shown = json.loads(place.says("queue", "show", item["queue_id"], "--output", "json"))
        shown = shown.get("item", shown)
        assert shown["status"] == "SUCCESS" and shown["run_id"] not in ("", source), shown
        manifest, events = held(place, shown["run_id"], level)
        assert manifest["queue"]["queue_id"] == item["queue_id"], manifest["queue"]
        assert manifest["queue"]["source_run_id"] == source, manifest["queue"]
        assert TASK in model.told, "the model was not told the task by the worker"
    server.shutdown()
    return f"{events} events, {manifest['usage']['input_tokens']} + {manifest['usage']['output_tokens']} tokens"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    parser.add_argument("--prefix", required=True)
    parser.add_argument("--client", action="append", choices=sorted(RUNNERS))
    arguments = parser.parse_args()
    arguments.binary, arguments.prefix = os.path.abspath(arguments.binary), os.path.abspath(arguments.prefix)
    if not jsonschema:
        print("NOT RUN: run directories are validated by the product alone: this Python has no jsonschema")
    passed = failed = 0
    for kind in CLIENTS:
        if arguments.client and kind.name not in arguments.client:
            continue
        program = found(kind, arguments.prefix)
        if program is None:
            print(f"NOT RUN: {kind.title} carries out a task: its program is not below {arguments.prefix}")
            continue
        for level in LEVELS:
            name = f"{kind.title} carries out a task and the item that is queued from it, sandbox {level}"
            try:
                print(f"ok   {name}: {case(arguments.binary, program, RUNNERS[kind.name], level)}")
                passed += 1
            except (AssertionError, OSError, ValueError, KeyError, subprocess.SubprocessError, *WRONG) as error:
                print(f"FAIL {name}: {type(error).__name__}: {re.sub(chr(10), ' | ', str(error))[:2000]}")
                failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
