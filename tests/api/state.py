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

    def __init__(self, made, url, agent):
        self.made, self.url, self.agent = made, url, agent

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
                "confirm_run_id": run, "preview_token": self.preview(run)}

    def enqueue(self, run):
        return self.call("POST", f"/api/queue/from-run/{run}", self.apply(run))["queue_id"]

    def claim(self):
        """A claim of the next item; there must be one."""
        return self.call("POST", "/api/queue/claim", {"worker": "w"})

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
            "queue_complete": self.complete,
            "approval_approve": lambda: {"path_parameters": {"approval_id": self.asked(41)}, "body": REASON},
            "approval_reject": lambda: {"path_parameters": {"approval_id": self.asked(42)}, "body": REASON},
            "token_revoke": lambda: {"path_parameters": {"token_id": self.spare("gone")}, "body": REASON},
            "gate_freeze": lambda: {"body": REASON},
            "gate_unfreeze": lambda: {"body": REASON},
            "run_compare": lambda: {"query": {"with": "run_a"}},
            # A stream is asked for what is there, not for what may come.
            "run_events_stream": lambda: {"query": {"follow": "false"}},
            "queue_stream": lambda: {"query": {"follow": "false"}},
        }
        made = makers.get(operation.definition.raw["operationId"], dict)()
        named = [parameter.name for parameter in operation.path_parameters]
        path = {name: known[name][0] for name in named} | made.pop("path_parameters", {})
        return {"path_parameters": path, **made}

    def complete(self):
        self.enqueue("run_c")
        claimed = self.claim()
        return {"path_parameters": {"queue_id": claimed["item"]["queue_id"]},
                "body": {"lease_token": claimed["lease_token"], "status": "SUCCESS"}}

    def spare(self, name):
        made = self.made.run("token", "create", "--name", name, "--kind", "operator", "--role", "OPS")
        return made["record"]["id"]


#: The body of a decision.
REASON = {"reason": "tests"}


def product_token(made, name, kind="agent"):
    return made.run("token", "create", "--name", name, "--kind", kind, "--role", "OPS", "--reason", "tests")["token"]


@contextmanager
def serving(binary):
    """A server over a fresh root whose gate is open and where an agent's request waits for a person."""
    with product.product(binary, gate=True, policy="operator") as made:
        for run in ["run_a", "run_b", "run_c", "run_d", "run_asked"]:
            product.write_run(made.root / "runs", run, events=["RUN_STARTED", "DIFF_GATE_RESULT"])
        (made.root / "runs/run_ok/reports/review_report.json").write_text(json.dumps({"verdict": "PASS"}))
        (made.root / "runs/run_ok/patch.diff").write_text("--- a/docs/x.md\n+++ b/docs/x.md\n")
        made.run("token", "create", "--name", "spare", "--kind", "operator", "--role", "OPS")
        agent = product_token(made, "robin")
        environment = {**made.env, "CORTEXPILOT_API_TOKEN": OPERATOR}
        made.run("audit", "init-key")
        with product.serving([binary, "serve", "--port", "0"], made.root, environment) as (host, port):
            state = State(made, f"http://{host}:{port}", agent)
            state.enqueue("run_d")
            state.claim()
            state.asked(40)
            made.run("audit", "checkpoint")
            yield state
