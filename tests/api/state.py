"""A control plane with something to read and something to change for every operation, and for each operation one request
that is right."""

import json
import sys
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "clients"))

import product

OPERATOR = product.OPERATOR_TOKEN


class State:
    """One runtime root behind one server. Made anew for every caller, so that what one did is not what the next one finds."""

    def __init__(self, made, url, agent, worker):
        self.made, self.url, self.agent, self.worker = made, url, agent, worker

    def call(self, method, path, body=None, token=OPERATOR):
        """What the control plane answers, as JSON; anything but a yes is an error of this script."""
        import requests
        headers = {"Authorization": f"Bearer {token}", "x-cortexpilot-role": "OPS"}
        answer = requests.request(method, self.url + path, headers=headers, json=body, timeout=30)
        if not answer.ok:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json()

    def preview(self, run):
        return self.call("POST", f"/api/queue/from-run/{run}/preview", {})["preview_token"]

    def apply(self, run):
        """The body of an apply that passes every gate."""
        return {"confirm": True, "actor_role": "OPS", "requested_by": "alice", "approval_reason": "tests",
                "confirm_run_id": run, "preview_token": self.preview(run), "allow_duplicate": True}

    def enqueue(self, run):
        return self.call("POST", f"/api/queue/from-run/{run}", self.apply(run))["queue_id"]

    def claim(self, run="run_c"):
        """An item of its own, claimed: its id and its lease."""
        queue_id = self.enqueue(run)
        claimed = self.call("POST", "/api/queue/claim", {"worker": "w", "queue_id": queue_id})
        return queue_id, claimed["lease_token"]

    def held(self):
        """An item of its own whose lease was taken away."""
        queue_id, _ = self.claim()
        self.call("POST", f"/api/queue/{queue_id}/revoke", REASON)
        return queue_id

    def asked(self, priority):
        """A request that an agent makes where people are asked; its id."""
        token = product_token(self.made, f"agent-{priority}")
        preview = self.call("POST", "/api/queue/from-run/run_asked/preview", {"priority": priority}, token)
        body = {"confirm": True, "actor_role": "OPS", "requested_by": "robin", "approval_reason": "tests",
                "priority": priority, "preview_token": preview["preview_token"]}
        return self.call("POST", "/api/queue/from-run/run_asked", body, token)["approval"]["id"]

    def known(self):
        """Names of what is there, for the parameters of paths and queries."""
        ledger = self.made.ledger("queue.jsonl")
        items = [line["queue_id"] for line in ledger if line["event"] == "QUEUE_ENQUEUE"]
        tokens = self.call("GET", "/api/tokens")
        return {
            "run_id": ["run_ok", "run_wait", "run_altered", "run_a"],
            "queue_id": items,
            "approval_id": [request["id"] for request in self.call("GET", "/api/approvals")],
            "workflow_id": ["wf-sdk"],
            "token_id": [token["id"] for token in tokens if token["principal"] == "operator:spare"],
            "name": ["contract.json", "manifest.json", "reports/test_report.json"],
            "size": [len(ledger)],
            "with": ["run_ok"],
        }

    def right(self, operation, known):
        """The parameters and the body of a request that is answered with a yes; what it needs is made first."""
        makers = {
            "queue_preview": lambda: {"body": {"priority": 3}},
            "queue_enqueue": lambda: {"path_parameters": {"run_id": "run_a"}, "body": self.apply("run_a")},
            "queue_cancel": lambda: {"path_parameters": {"queue_id": self.enqueue("run_b")}, "body": REASON},
            "queue_claim": lambda: {"body": {"worker": "w"}},
            "queue_heartbeat": lambda: self.leased({"progress": {"stage": "tests", "message": "1 of 2", "events": 3}}),
            "queue_complete": lambda: self.leased({"status": "SUCCESS", "reason": "done"}),
            "queue_release": lambda: self.leased({"started": False, "reason": "not here"}),
            "queue_stop": lambda: {"path_parameters": {"queue_id": self.claim()[0]}, "body": REASON},
            "queue_revoke": lambda: {"path_parameters": {"queue_id": self.claim()[0]}, "body": REASON},
            "queue_requeue": lambda: {"path_parameters": {"queue_id": self.held()}, "body": REASON},
            "queue_fail": lambda: {"path_parameters": {"queue_id": self.held()}, "body": REASON},
            "worker_presence": lambda: {"body": {"worker": "w", "slots": 1, "running": [known["queue_id"][0]]}},
            "gate_pause": lambda: {"body": REASON},
            "gate_resume": lambda: {"body": REASON},
            "approval_approve": lambda: {"path_parameters": {"approval_id": self.asked(41)}, "body": REASON},
            "approval_reject": lambda: {"path_parameters": {"approval_id": self.asked(42)}, "body": REASON},
            "token_revoke": lambda: {"path_parameters": {"token_id": self.spare("gone")}, "body": REASON},
            "gate_freeze": lambda: {"body": REASON},
            "gate_unfreeze": lambda: {"body": REASON},
            "session_create": lambda: {"body": {"token": OPERATOR}, "headers": {"x-cortexpilot-csrf": "1"}},
            "run_compare": lambda: {"query": {"with": "run_a"}},
            # A stream is asked for what is there, not for what may come.
            "run_events_stream": lambda: {"query": {"follow": "false"}},
            "queue_stream": lambda: {"query": {"follow": "false"}},
            "decisions_stream": lambda: {"query": {"follow": "false"}},
        }
        made = makers.get(operation.definition.raw["operationId"], dict)()
        named = [parameter.name for parameter in operation.path_parameters]
        path = {name: known[name][0] for name in named} | made.pop("path_parameters", {})
        return {"path_parameters": path, **made}

    def leased(self, body):
        """A request about an item that is claimed, with its lease."""
        queue_id, lease = self.claim()
        return {"path_parameters": {"queue_id": queue_id}, "body": {"lease_token": lease, **body}}

    def spare(self, name):
        made = self.made.run("token", "create", "--name", name, "--kind", "operator", "--role", "OPS")
        return made["record"]["id"]


#: The body of a decision.
REASON = {"reason": "tests"}


def product_token(made, name, kind="agent"):
    roles = [] if kind == "worker" else ["--role", "OPS"]
    return made.run("token", "create", "--name", name, "--kind", kind, *roles, "--reason", "tests")["token"]


@contextmanager
def serving(binary):
    """A server over a fresh root whose gate is open and where an agent's request waits for a person."""
    with product.product(binary, gate=True, policy="operator") as made:
        for run in ["run_a", "run_b", "run_c", "run_d", "run_asked"]:
            product.write_run(made.root / "runs", run, events=["RUN_STARTED", "DIFF_GATE_RESULT"])
        (made.root / "runs/run_ok/reports/review_report.json").write_text(json.dumps({"verdict": "PASS"}))
        (made.root / "runs/run_ok/patch.diff").write_text("--- a/docs/x.md\n+++ b/docs/x.md\n")
        made.run("token", "create", "--name", "spare", "--kind", "operator", "--role", "OPS")
        agent, worker = product_token(made, "robin"), product_token(made, "builder", "worker")
        environment = {**made.env, "CORTEXPILOT_API_TOKEN": OPERATOR}
        made.run("audit", "init-key")
        with product.serving([binary, "serve", "--port", "0"], made.root, environment) as (host, port):
            state = State(made, f"http://{host}:{port}", agent, worker)
            state.claim("run_d")
            state.asked(40)
            made.run("audit", "checkpoint")
            yield state
