"""Real clients read what `cortexpilot mcp install` wrote into their configuration; registries' tools read what is published.

Each client gets a private home with a configuration that already holds another server, in an order and with blanks (and,
where the format has them, comments) of its own. It needs no account and no network: what the clients look for elsewhere
does not answer, and nothing here depends on it.

    install.py --binary PATH --agents DIRECTORY --dist DIRECTORY --packed DIRECTORY

`--agents` is an npm prefix with Claude Code, Codex and mcpb; `--dist` what is kept in the repository, `--packed` what `cargo
xtask dist mcpb` made of it. Prints `N passed, N failed`.
"""

import argparse
import copy
import importlib.resources
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT = 90

READONLY, PILOT = "cortexpilot-readonly", "cortexpilot-queue-pilot"
PILOT_TOOLS = ["preview_enqueue_from_run", "enqueue_from_run"]

CLAUDE_BEFORE = """{
\t"numStartups":   3,
\t"projects": { "/elsewhere": { "mcpServers": { "cortexpilot-readonly": { "command": "not-this-one" } }, "x": [1 , 2] } },
\t"mcpServers": {
\t\t"other": { "type": "http", "url": "http://127.0.0.1:9/mcp" }
\t},
\t"theme": "dark"
}"""

CODEX_BEFORE = """# kept by hand
personality = "friendly"   # what I like

  [mcp_servers.other]   # a server of somebody else's
  command = 'no-such-program' # no path
  args = [
    "-y",  # yes
  ]
  enabled = false

[tui]
animations = false
# the end"""


class Tally:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, what, held, seen=""):
        if held:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED: {what}\n        {str(seen)[:1500]}", flush=True)
        return held


def one_stretch(before, after):
    """Whether `after` is `before` with one stretch put in."""
    if len(after) < len(before):
        return False
    return any(after.startswith(before[:at]) and after.endswith(before[at:]) for at in range(len(before) + 1))


class Home:
    """A home, a project with a run, and commands in them."""

    def __init__(self, directory, binary):
        self.binary = binary
        self.home = Path(directory) / "home"
        self.project = Path(directory) / "project"
        self.root = Path(directory) / "root"
        (self.project / ".git").mkdir(parents=True)
        self.home.mkdir()
        run = self.root / "runs" / "run_ok"
        run.mkdir(parents=True)
        manifest = {"run_id": "run_ok", "task_id": "task_ok", "status": "SUCCESS"}
        (run / "manifest.json").write_text(json.dumps(manifest))
        (run / "contract.json").write_text(json.dumps({"task_id": "task_ok", "owner_agent": {"agent_id": "a"}}))
        (run / "events.jsonl").write_text(json.dumps({"event": "RUN_STARTED"}) + "\n")
        self.env = {
            "HOME": str(self.home),
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "DISABLE_TELEMETRY": "1",
            "DISABLE_AUTOUPDATER": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        }

    def run(self, words, code=None, env=None):
        done = subprocess.run(
            [str(word) for word in words], cwd=self.project, env={**self.env, **(env or {})}, text=True,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT)
        if code is not None and done.returncode != code:
            raise RuntimeError(f"{words}: {done.returncode}, not {code}: {done.stdout}{done.stderr}")
        return done

    def install(self, *words, code=0, env=None):
        roots = ["--runtime-root", self.root, "--runs", self.root / "runs", "--output", "json"]
        return json.loads(self.run([self.binary, "mcp", "install", *words, *roots], code, env).stdout)


class ClaudeCode:
    name, before, scoped = "claude-code", CLAUDE_BEFORE, ".mcp.json"

    def __init__(self, prefix):
        self.program = next(Path(prefix).glob("node_modules/@anthropic-ai/claude-code-*/claude"))

    def file(self, home):
        return home.home / ".claude.json"

    def connected(self, home, name, env=None):
        """What its own list says of one server."""
        listed = home.run([self.program, "mcp", "list"], env=env).stdout
        line = next((line for line in listed.splitlines() if line.startswith(f"{name}:")), listed)
        return "Connected" in line, line

    def trust(self, home):
        """What answering its two questions about a project leaves behind."""
        file = self.file(home)
        known = json.loads(file.read_text())
        answers = {"hasTrustDialogAccepted": True, "enabledMcpjsonServers": [READONLY]}
        known.setdefault("projects", {})[str(home.project)] = answers
        file.write_text(json.dumps(known))

    def entry(self, home, name):
        return json.loads(self.file(home).read_text())["mcpServers"][name]


class Codex:
    name, before, scoped = "codex", CODEX_BEFORE, ".codex/config.toml"

    def __init__(self, prefix):
        self.program = next(Path(prefix).glob("node_modules/@openai/codex-*/vendor/*/bin/codex"))

    def file(self, home):
        return home.home / ".codex" / "config.toml"

    def connected(self, home, name, env=None):
        """Its list says what is configured; whether it connects, its application server says, which starts the servers."""
        listed = json.loads(home.run([self.program, "mcp", "list", "--json"], env=env).stdout)
        if not any(entry["name"] == name and entry["enabled"] for entry in listed):
            return False, listed
        status = self.status(home, env)
        mine = next((server for server in status if server["name"] == name), None)
        return bool(mine and mine["serverInfo"] and mine["serverInfo"]["name"] == name and mine["tools"]), mine or status

    def status(self, home, env):
        server = subprocess.Popen(
            [str(self.program), "app-server"], cwd=home.project, env={**home.env, **(env or {})},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            def call(number, method, params):
                server.stdin.write(json.dumps({"id": number, "method": method, "params": params}) + "\n")
                server.stdin.flush()
                until = time.monotonic() + LIMIT
                while time.monotonic() < until:
                    line = server.stdout.readline()
                    if not line:
                        raise RuntimeError("codex app-server ended")
                    message = json.loads(line)
                    if message.get("id") == number:
                        return message
                raise RuntimeError("codex app-server does not answer")

            call(1, "initialize", {"clientInfo": {"name": "test", "title": "test", "version": "0"}})
            server.stdin.write(json.dumps({"method": "initialized"}) + "\n")
            # A conversation is what has a project; none of its servers is started without one.
            begun = call(2, "thread/start", {"cwd": str(home.project)})
            thread = begun["result"]["thread"]["id"]
            return call(3, "mcpServerStatus/list", {"threadId": thread})["result"]["data"]
        finally:
            server.kill()
            server.wait()

    def trust(self, home):
        file = self.file(home)
        file.parent.mkdir(parents=True, exist_ok=True)
        known = file.read_text() if file.exists() else ""
        file.write_text(f'{known}\n[projects."{home.project}"]\ntrust_level = "trusted"\n')

    def entry(self, home, name):
        return json.loads(home.run([self.program, "mcp", "get", name, "--json"], 0).stdout)


def write(file, text):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o600)


def person(client, binary, tally):
    """The person's own configuration: one entry more, the rest byte for byte as it was."""
    with tempfile.TemporaryDirectory() as directory:
        home = Home(directory, binary)
        file = client.file(home)
        write(file, client.before)
        done = home.install(client.name, "--write")
        after = file.read_text()
        label = f"{client.name}, the person's file"
        tally.check(f"{label}: written", done["changed"], done)
        tally.check(f"{label}: the rest is byte-identical", one_stretch(client.before, after), after)
        tally.check(f"{label}: the mode stays", stat.S_IMODE(file.stat().st_mode) == 0o600)
        tally.check(f"{label}: the backup is the old file", Path(done["backup"]).read_text() == client.before)
        again = home.install(client.name, "--write")
        tally.check(f"{label}: twice is once", not again["changed"] and file.read_text() == after, again)
        tally.check(f"{label}: the client's own list shows it connected", *client.connected(home, READONLY))
        seen = home.install(client.name, "--check")
        held = seen["ok"] and seen["runs"] == 1 and len(seen["tools"]) == 12 and seen["mutation_gate"] == "default-off"
        tally.check(f"{label}: --check says what it is", held, seen)
        before = file.read_text()
        home.install(client.name, "--remove", "--write")
        tally.check(f"{label}: taken out again", READONLY not in json.dumps(listed(client, home)), file.read_text())
        tally.check(f"{label}: taking it out leaves the rest", one_stretch(file.read_text().rstrip(), before.rstrip()))
    # The client's own command does the same.
    with tempfile.TemporaryDirectory() as directory:
        home = Home(directory, binary)
        home.install(client.name, "--write")
        ours = client.entry(home, READONLY)
        command = home.install(client.name)["client_command"]
        client.file(home).unlink()
        home.run(["sh", "-c", command.replace(command.split()[0], str(client.program), 1)], 0)
        theirs = client.entry(home, READONLY)
        tally.check(f"{client.name}: its own command writes the same entry", ours == theirs, (ours, theirs))
        same = home.install(client.name, "--write")
        tally.check(f"{client.name}: what it wrote itself is known again", not same["changed"], same)


def listed(client, home):
    if client.name == "codex":
        return json.loads(home.run([client.program, "mcp", "list", "--json"]).stdout)
    return json.loads(client.file(home).read_text())["mcpServers"]


def project(client, binary, tally):
    """The project's file, once the person has said that the project is trusted."""
    with tempfile.TemporaryDirectory() as directory:
        home = Home(directory, binary)
        done = home.install(client.name, "--scope", "project", "--write")
        label = f"{client.name}, the project's file"
        tally.check(f"{label}: it is where the client looks", Path(done["file"]) == home.project / client.scoped, done)
        if client.name == "claude-code":
            client.connected(home, READONLY)  # it makes its file on its first start
        client.trust(home)
        tally.check(f"{label}: connected", *client.connected(home, READONLY))
        seen = home.install(client.name, "--scope", "project", "--check")
        tally.check(f"{label}: --check", seen["ok"], seen)


def pilot(client, binary, tally):
    """The pilot, over HTTP, with a token that only the environment holds."""
    with tempfile.TemporaryDirectory() as directory:
        home = Home(directory, binary)
        roots = ["--runtime-root", home.root, "--runs", home.root / "runs"]
        command = [binary, "serve", "--port", "0", "--mcp-pilot", "--output", "json", *roots]
        env = {**home.env, "CORTEXPILOT_API_TOKEN": "test-token-0123456789abcdef"}
        server = subprocess.Popen(
            [str(word) for word in command], cwd=home.project, env=env, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        try:
            ready = json.loads(server.stdout.readline())
            url = ready["url"].rstrip("/") + "/mcp/queue-pilot"
            words = [client.name, "--pilot", "--url", url, "--role", "OPS", "--token-file", "t", "--write"]
            done = home.install(*words)
            token = (home.project / "t").read_text().strip()
            label = f"{client.name}, the pilot"
            held = token not in client.file(home).read_text() and token not in json.dumps(done)
            tally.check(f"{label}: the token stands in no configuration", held and token.startswith("cpt_agent_"))
            held_env = {"CPT_AGENT_TOKEN": token}
            tally.check(f"{label}: connected with the token", *client.connected(home, PILOT, held_env))
            connected, line = client.connected(home, PILOT, {"CPT_AGENT_TOKEN": "cpt_agent_0"})
            tally.check(f"{label}: not connected with another", not connected, line)
            seen = home.install(client.name, "--pilot", "--check", env=held_env)
            held = seen["tools"] == PILOT_TOOLS and seen["acting_as"] == f"agent:{client.name}"
            tally.check(f"{label}: --check", held and seen["mutation_gate"] == "default-off", seen)
            tally.check(f"{label}: nothing was queued", not (home.root / "queue.jsonl").exists()
                        or not (home.root / "queue.jsonl").read_text().strip())
        finally:
            server.kill()
            server.wait()


def registry(dist, packed, tally):
    """The registry's schema, as released, and its own tool where there is one."""
    import jsonschema

    schema = json.loads(
        importlib.resources.files("skillsaw.schemas.mcp_registry.v2025_12_11").joinpath("server.schema.json").read_text())
    validator = jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker())
    for file in [dist / "server.json", packed / "server.json"]:
        entry = json.loads(file.read_text())
        problems = [error.message for error in validator.iter_errors(entry)]
        tally.check(f"{file.name} of {file.parent.name}: valid by the registry's schema", not problems, problems)
        tally.check(f"{file.name}: names that schema", entry["$schema"] == schema["$id"])
        for change in [lambda e: e.pop("description"), lambda e: e.update(name="no-slash"), lambda e: e.update(description="x" * 101)]:
            broken = copy.deepcopy(entry)
            change(broken)
            tally.check("a broken entry is found", any(validator.iter_errors(broken)))
        if shutil.which("mcp-publisher"):
            said = subprocess.run(["mcp-publisher", "validate", str(file)], capture_output=True, text=True, timeout=LIMIT)
            tally.check(f"{file}: mcp-publisher validate", said.returncode == 0, said.stdout + said.stderr)
    if not shutil.which("mcp-publisher"):
        print("not asked: mcp-publisher, which is not on the PATH; the registry's released schema stands for it", flush=True)
    package = json.loads((packed / "server.json").read_text())["packages"][0]
    tally.check("the bundle is named with its digest", len(package["fileSha256"]) == 64, package)
    return package


def bundle(prefix, dist, packed, package, tally):
    """The bundle: its own tool packs and validates it, and what it starts is the read-only server."""
    import hashlib

    tool = Path(prefix) / "node_modules/.bin/mcpb"

    def said(*words):
        return subprocess.run([str(tool), *map(str, words)], capture_output=True, text=True, timeout=LIMIT)

    manifest_file = dist / "mcpb" / "manifest.json"
    valid = said("validate", manifest_file)
    tally.check("mcpb validate: the manifest", valid.returncode == 0, valid.stdout + valid.stderr)
    file = packed / package["identifier"].rsplit("/", 1)[1]
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    tally.check("the digest is the bundle's", digest == package["fileSha256"], digest)
    with tempfile.TemporaryDirectory() as directory:
        broken = Path(directory) / "manifest.json"
        broken.write_text(json.dumps({**json.loads(manifest_file.read_text()), "server": {}}))
        tally.check("mcpb validate: a broken manifest is found", said("validate", broken).returncode != 0)
        out = Path(directory) / "out"
        unpacked = said("unpack", file, out)
        tally.check("mcpb unpack", unpacked.returncode == 0, unpacked.stdout + unpacked.stderr)
        manifest = json.loads((out / "manifest.json").read_text())
        home = Home(directory, "")
        values = {"${__dirname}": out, "${user_config.runtime_root}": home.root, "${user_config.runs}": home.root / "runs"}
        config = manifest["server"]["mcp_config"]
        words = [config["command"], *config["args"]]
        for name, value in values.items():
            words = [word.replace(name, str(value)) for word in words]
        os.chmod(words[0], 0o755)
        asked = [
            {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
                "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}},
            {"jsonrpc": "2.0", "method": "notifications/initialized"},
            {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
        ]
        server = subprocess.Popen(words, env=home.env, cwd=home.project, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            for message in asked:
                server.stdin.write(json.dumps(message) + "\n")
            server.stdin.flush()
            answers = {}
            while 2 not in answers:
                message = json.loads(server.stdout.readline())
                answers[message.get("id")] = message
        finally:
            server.kill()
            server.wait()
        tally.check("the bundle starts the read-only server", answers[1]["result"]["serverInfo"]["name"] == READONLY, answers)
        tools = sorted(tool["name"] for tool in answers[2]["result"]["tools"])
        tally.check("its tools are those of the manifest", tools == sorted(tool["name"] for tool in manifest["tools"]), tools)
        tally.check("the pilot's tools are not among them", not set(tools) & set(PILOT_TOOLS))
    text = (manifest_file.read_text() + (packed / "server.json").read_text()).lower()
    words = [*PILOT_TOOLS, "queue-pilot", "queue_pilot", "mcp-pilot"]
    tally.check("nothing published names the pilot", not any(word in text for word in words))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--agents", required=True)
    parser.add_argument("--dist", required=True, type=Path)
    parser.add_argument("--packed", required=True, type=Path)
    arguments = parser.parse_args()
    tally = Tally()
    binary = os.path.abspath(arguments.binary)
    for client in [ClaudeCode(arguments.agents), Codex(arguments.agents)]:
        version = subprocess.run([str(client.program), "--version"], capture_output=True, text=True, timeout=LIMIT)
        print(f"{client.name}: {version.stdout.strip()}", flush=True)
        for scene in [person, project, pilot]:
            try:
                scene(client, binary, tally)
            except Exception as error:  # one scene that breaks is one failure, and the others still run
                tally.check(f"{client.name}, {scene.__name__}: came to its end", False, repr(error))
    package = registry(arguments.dist, arguments.packed, tally)
    bundle(arguments.agents, arguments.dist, arguments.packed, package, tally)
    print(f"{tally.passed} passed, {tally.failed} failed", flush=True)
    sys.exit(1 if tally.failed else 0)


if __name__ == "__main__":
    main()
