"""A worker for CortexPilot's queue, with nothing but Python's standard library.

    python3 worker.py [--once] URL TOKEN_FILE COMMAND [ARGUMENT…]

Carries out one item after another: COMMAND gets the item's pinned contract on its standard input, and how it exits says how
the item ended. TOKEN_FILE holds a worker's token. `--once` ends after one item. The protocol: docs/reference/worker-protocol.md
"""

import hashlib, json, signal, socket, subprocess, sys, tempfile, time, urllib.error, urllib.request

once = sys.argv[1] == "--once"
URL, TOKEN_FILE, *COMMAND = sys.argv[1 + once:]
TOKEN, NAME, LEASE_S = open(TOKEN_FILE).read().strip(), f"example@{socket.gethostname()}", 60
told = False  # To end. Looked at, and never an exception of its own: that could come while we do not know yet what we began.


class Lost(Exception):
    """The item is not ours any more: whatever we still do counts for nothing."""


def call(method, path, body=None):
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=LEASE_S / 4) as answer:
        return answer.read()


def carry_out(queue_id):
    heard = beaten = time.monotonic()
    claim = json.loads(call("POST", "/api/queue/claim", {"worker": NAME, "lease_s": LEASE_S, "queue_id": queue_id}))
    if not claim["ok"]:
        return False  # Another worker was faster.
    at, lease = f"/api/queue/{queue_id}", {"lease_token": claim["lease_token"]}
    child, stopped = None, False
    try:
        contract = call("GET", f"{at}/contract")
        if hashlib.sha256(contract).hexdigest() != claim["contract_sha256"]:
            raise ValueError("the contract is not the one that was pinned")
        stdin = tempfile.TemporaryFile()
        stdin.write(contract)
        stdin.seek(0)
        child = subprocess.Popen(COMMAND, stdin=stdin)
        while child.poll() is None:
            if told:
                raise SystemExit("told to end")
            try:
                child.wait(1)
            except subprocess.TimeoutExpired:
                if time.monotonic() - beaten < LEASE_S / 4:
                    continue
                beaten = time.monotonic()
                try:
                    beat = json.loads(call("POST", f"{at}/heartbeat", lease | {"progress": {"stage": "command"}}))
                    heard = beaten
                    if beat["stop"] and not stopped:
                        stopped = True
                        child.terminate()
                except urllib.error.HTTPError as refused:
                    if refused.code < 429:
                        raise Lost from refused
                except OSError:
                    pass  # No answer. The next beat may get one, as long as the lease may still hold.
                if time.monotonic() - heard >= LEASE_S:
                    raise Lost
    except Lost:
        child.kill()
        return True
    except (SystemExit, OSError, ValueError) as why:
        if child:
            child.kill()
        call("POST", f"{at}/release", lease | {"started": child is not None, "reason": f"The worker gave up: {why}."})
        raise
    status = "STOPPED" if stopped else "SUCCESS" if child.returncode == 0 else "FAILURE"
    call("POST", f"{at}/complete", lease | {"status": status, "reason": f"The command's exit code was {child.returncode}."})
    return True


def tell(*_):
    global told
    told = True


signal.signal(signal.SIGTERM, tell)
while not told:
    try:
        waiting = json.loads(call("GET", "/api/queue/next?limit=1"))["items"]
        if waiting and carry_out(waiting[0]["queue_id"]) and once:
            sys.exit()
    except (OSError, ValueError) as trouble:
        print(trouble, file=sys.stderr)
        waiting = []
    for _ in range(0 if waiting else 5):
        if not told:
            time.sleep(1)
sys.exit("told to end")
