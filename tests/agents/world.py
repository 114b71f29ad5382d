"""A root of its own for one session: runs, a ledger, the servers, and what stands on disk afterwards."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
TEE = HERE.parent / "clients" / "wire.py"
sys.path.append(str(TEE.parent))

from wire import Relay, read_lines  # noqa: E402  (a sibling directory's module)

READ_ONLY, PILOT = "cortexpilot-readonly", "cortexpilot-queue-pilot"
COMMANDS = {READ_ONLY: "mcp-readonly-server", PILOT: "mcp-queue-pilot-server"}
PATHS = {READ_ONLY: "/mcp/readonly", PILOT: "/mcp/queue-pilot"}
TOKEN_VARIABLE = "CPT_AGENT_TOKEN"


def has_http(binary):
    """Whether this build mounts the MCP servers over HTTP."""
    shown = subprocess.run([binary, "serve", "--help"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return "--mcp-pilot" in shown.stdout


class World:
    """The runs `run_ok` and `run_wait`, and an empty ledger below a directory of its own."""

    def __init__(self, home, binary, *, gate=False, policy=None, roles=None):
        self.home, self.binary = Path(home), binary
        self.root, self.runs = self.home / "runtime", self.home / "runtime" / "runs"
        self.runs.mkdir(parents=True)
        write_run(self.runs, "run_ok", events=["RUN_STARTED", "RUN_FINISHED"])
        write_run(self.runs, "run_wait", events=["HUMAN_APPROVAL_REQUIRED"])
        self.settings = {"CORTEXPILOT_RUNTIME_ROOT": str(self.root), "CORTEXPILOT_PRINCIPAL": "local:dana"}
        if roles:
            self.settings["CORTEXPILOT_PRINCIPAL_ROLES"] = roles
        if gate:
            self.settings["CORTEXPILOT_MCP_QUEUE_PILOT_ENABLE_APPLY"] = "1"
        if policy:
            self.settings["CORTEXPILOT_MCP_QUEUE_PILOT_APPROVAL"] = policy
        self.roles = (roles or "OWNER,OPS").split(",")
        self.server = self.relay = self.token = None
        self.logs = {}

    # ---- the servers ----------------------------------------------------------------------------------------------

    def stdio(self, name):
        """How a client starts this server over standard input and output, recorded on the way."""
        self.logs[name] = self.home / f"{name}.wire"
        return {"command": sys.executable, "env": self.settings,
                "args": [str(TEE), str(self.logs[name]), self.binary, COMMANDS[name]]}

    def http(self, name):
        """Where a client finds this server over HTTP, recorded on the way. Starts it with the first call."""
        if self.server is None:
            self.token = self.cli("token", "create", "--name", "coder", "--kind", "agent", "--ttl", "1h", "--reason",
                                  "for one session", *[word for role in self.roles for word in ("--role", role)]).strip()
            # An operator must be able to sign in, or the server would refuse to start.
            self.cli("token", "create", "--name", "dana", "--kind", "operator", "--role", "OWNER", "--ttl", "1h",
                     "--reason", "for one session")
            self.server = subprocess.Popen(
                [self.binary, "serve", "--mcp-pilot", "--port", "0", "--output", "json"], env=self.environment(self.settings),
                cwd=self.home, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=open(self.home / "serve.log", "wb"))
            said = b""
            while not (found := re.search(rb"http://127\.0\.0\.1:(\d+)", said)):
                line = self.server.stdout.readline()
                if not line:
                    raise RuntimeError(f"serve did not start: {(self.home / 'serve.log').read_text()[-600:]}")
                said += line
            self.relay = Relay("127.0.0.1", int(found[1]))
        return self.relay.url(PATHS[name])

    def recorded(self):
        """Every exchange between the client and the servers: lists of (who, text, version header)."""
        lines = [exchange for log in self.logs.values() for exchange in read_lines(log)]
        return lines + (self.relay.recorded() if self.relay else [])

    def close(self):
        if self.relay:
            self.relay.close()
        if self.server:
            self.server.terminate()
            try:
                self.server.wait(20)
            except subprocess.TimeoutExpired:
                self.server.kill()
                self.server.wait()
            self.server.stdout.close()

    # ---- the operator ---------------------------------------------------------------------------------------------

    def environment(self, settings):
        return {"PATH": os.environ.get("PATH", ""), "HOME": str(self.home), **settings}

    def cli(self, *words):
        """A command of the operator's, who holds every role, at a keyboard of their own: its standard output."""
        settings = {name: value for name, value in self.settings.items() if name != "CORTEXPILOT_PRINCIPAL_ROLES"}
        done = subprocess.run([self.binary, *words], env=self.environment(settings), cwd=self.home,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(words)}: exit code {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def change_contract(self, run_id):
        """Another task contract, and a manifest that agrees with it: what an orchestrator does that goes on working."""
        home = self.runs / run_id
        contract = json.loads((home / "contract.json").read_text())
        contract["acceptance_tests"] = [{"name": "all", "cmd": "make everything", "must_pass": True}]
        put_contract(home, run_id, contract)

    # ---- what stands on disk --------------------------------------------------------------------------------------

    def ledger(self, name):
        path = self.root / name
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def queue(self):
        return self.ledger("queue.jsonl")

    def decisions(self):
        """Decisions about the session; the tokens that it needed are not about it."""
        return [event for event in self.ledger("decisions.jsonl") if not event["event"].startswith("TOKEN_")]


def write_run(runs, run_id, *, events):
    """A run directory as orchestrators write them: contract, manifest with its digest, events, one report."""
    home = runs / run_id
    (home / "reports").mkdir(parents=True)
    put_contract(home, run_id, {
        "task_id": f"task_{run_id}",
        "owner_agent": {"role": "TECH_LEAD", "agent_id": "agent-1"},
        "allowed_paths": ["docs"],
        "acceptance_tests": [{"name": "noop", "cmd": "echo ok", "must_pass": True}],
        "tool_permissions": {"filesystem": "workspace-write", "network": "deny"},
        "timeout_retry": {"timeout_sec": 60},
    })
    lines = [{"ts": "2026-03-01T12:00:01+00:00", "event": name, "context": {}} for name in events]
    (home / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (home / "reports" / "test_report.json").write_text('{"status": "PASS"}')


def put_contract(home, run_id, contract):
    raw = json.dumps(contract).encode()
    (home / "contract.json").write_bytes(raw)
    (home / "manifest.json").write_text(json.dumps({
        "run_id": run_id, "task_id": contract["task_id"], "created_at": "2026-03-01T12:00:00+00:00",
        "status": "SUCCESS", "runner": {"name": "agents"}, "workflow": {"workflow_id": "wf-docs", "status": "SUCCESS"},
        "evidence_hashes": {"contract.json": hashlib.sha256(raw).hexdigest()},
    }))
