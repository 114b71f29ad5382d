"""The product under test, as an operator sets it up: run directories, a runtime root, and its two MCP servers over
standard input and output or over HTTP. Nothing outlives the `with` block; no port is fixed."""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

import wire

OPERATOR_TOKEN = "an-operator-token-for-tests-only-0123456789abcdef"
SERVERS = {"readonly": "mcp-readonly-server", "pilot": "mcp-queue-pilot-server"}
PATHS = {"readonly": "/mcp/readonly", "pilot": "/mcp/queue-pilot"}


def write_run(runs, run_id, *, events=(), altered=False, workflow="wf-sdk"):
    """A run directory as orchestrators write them: contract, manifest with its digest, events, one report."""
    home = runs / run_id
    (home / "reports").mkdir(parents=True)
    contract = {
        "task_id": f"task_{run_id}",
        "owner_agent": {"role": "TECH_LEAD", "agent_id": "agent-1"},
        "allowed_paths": ["docs"],
        "acceptance_tests": [{"name": "noop", "cmd": "echo ok", "must_pass": True}],
        "tool_permissions": {"filesystem": "workspace-write", "network": "deny"},
        "timeout_retry": {"timeout_sec": 60},
    }
    raw = json.dumps(contract).encode()
    (home / "contract.json").write_bytes(raw)
    digest = hashlib.sha256(b"another" if altered else raw).hexdigest()
    (home / "manifest.json").write_text(json.dumps({
        "run_id": run_id, "task_id": contract["task_id"], "created_at": "2026-03-01T12:00:00+00:00",
        "status": "SUCCESS", "runner": {"name": "agents"}, "workflow": {"workflow_id": workflow, "status": "SUCCESS"},
        "evidence_hashes": {"contract.json": digest},
    }))
    lines = [{"ts": "2026-03-01T12:00:01+00:00", "event": name, "context": {}} for name in events]
    (home / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (home / "reports" / "test_report.json").write_text('{"status": "PASS"}')


class Product:
    """One runtime root with three runs. `gate` opens the mutation gate; `policy` says who is asked."""

    def __init__(self, binary, root, gate=False, policy=None):
        self.binary, self.root = binary, Path(root)
        runs = self.root / "runs"
        write_run(runs, "run_ok", events=["RUN_STARTED"])
        write_run(runs, "run_wait", events=["HUMAN_APPROVAL_REQUIRED"])
        write_run(runs, "run_altered", altered=True)
        self.env = {"CORTEXPILOT_RUNTIME_ROOT": str(root), "PATH": os.environ.get("PATH", "")}
        if gate:
            self.env["CORTEXPILOT_MCP_QUEUE_PILOT_ENABLE_APPLY"] = "1"
        if policy:
            self.env["CORTEXPILOT_MCP_QUEUE_PILOT_APPROVAL"] = policy

    def ledger(self, name):
        """The events of a ledger file, as they stand on disk."""
        path = self.root / name
        return [json.loads(line) for line in path.read_text().splitlines() if line.strip()] if path.exists() else []

    def run(self, *arguments):
        """Runs the binary as the operator does, and gives what it says as JSON."""
        done = subprocess.run([self.binary, *arguments, "--output", "json"], env=self.env, cwd=self.root, check=True,
                              capture_output=True, text=True, timeout=60)
        return json.loads(done.stdout)

    def queued(self):
        """Queues run_ok as the operator, and gives the address of the item's resource."""
        plan = str(self.root / "plan.json")
        self.run("queue", "preview", "run_ok", "-o", plan)
        item = self.run("queue", "enqueue", "--plan", plan, "--role", "OPS", "--requested-by", "alice", "--reason",
                        "tests subscribe", "--confirm")
        self.queue_id = item["queue_id"]
        return f"cortexpilot://queue/{self.queue_id}"

    def cancel_queued(self):
        self.run("queue", "cancel", self.queue_id, "--reason", "tests heard enough")

    def stdio(self, server):
        """The command that serves one client over standard input and output, recorded; and how to read the record."""
        log = self.root.with_name(self.root.name + ".wire")
        command = [sys.executable, str(Path(wire.__file__)), str(log), self.binary, SERVERS[server]]
        return command, lambda: wire.read_lines(log)

    @contextmanager
    def http(self):
        """`cortexpilot serve --mcp-pilot` on a free port behind a recording relay: a base URL, an agent's token, and how
        to read the record."""
        token = self.run("token", "create", "--name", "client", "--kind", "agent", "--role", "OPS",
                         "--reason", "tests drive a client")["token"]
        with serving([self.binary, "serve", "--mcp-pilot", "--port", "0"], self.root,
                     {**self.env, "CORTEXPILOT_API_TOKEN": OPERATOR_TOKEN}) as (host, port):
            relay = wire.Relay(host, port)
            try:
                yield relay, token
            finally:
                relay.close()


@contextmanager
def serving(command, cwd, env):
    """A server process that prints its URL when it listens: host and port. Stopped with SIGTERM, which it must obey."""
    process = subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
    printed, address = [], []
    ready = threading.Event()

    def read():
        for line in process.stdout:
            printed.append(line)
            found = re.search(r"http://([0-9.]+|localhost):([0-9]+)", line)
            if found and not address:
                address.append((found[1], int(found[2])))
                ready.set()
        ready.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        ready.wait(30)
        if not address:
            process.kill()
            reader.join(5)
            raise RuntimeError(f"{' '.join(command)} did not say where it listens:\n{''.join(printed)}")
        yield address[0]
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise RuntimeError(f"{' '.join(command)} did not end on SIGTERM:\n{''.join(printed)}") from None


@contextmanager
def product(binary, gate=False, policy=None):
    with tempfile.TemporaryDirectory() as home:
        root = Path(home) / "root"
        root.mkdir()
        yield Product(binary, root, gate, policy)
