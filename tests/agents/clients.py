"""Two coding agents as they are shipped, in a home of their own, talking to a model on loopback and to nothing else."""

import json
import os
import subprocess
from pathlib import Path

from world import TOKEN_VARIABLE

# A session with a scripted model takes a second or two; one that is still there after this hangs.
LIMIT = 120

PROMPT = "Look at the runs and do what your instructions say."


class Client:
    """One client: how it is configured and started."""

    name = title = ""

    def __init__(self, program):
        self.program = program

    def version(self):
        said = subprocess.run([self.program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=60, env={"PATH": os.environ.get("PATH", ""), "HOME": "/nonexistent"})
        return said.stdout.strip()

    def run(self, world, port, servers, transport):
        """Runs one conversation to its end. Gives the exit code and all that was printed."""
        home, work = world.home / "home", world.home / "work"
        home.mkdir()
        work.mkdir()
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(home), "USER": "dana", "LOGNAME": "dana",
                       "LANG": "C.UTF-8", "TMPDIR": str(world.home)}
        # Whatever goes elsewhere than to this machine goes to the model as well, which refuses and counts it.
        for variable in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
            environment[variable] = environment[variable.lower()] = f"http://127.0.0.1:{port}"
        environment["NO_PROXY"] = environment["no_proxy"] = "127.0.0.1,localhost"
        entries = {name: getattr(world, transport)(name) for name in servers}
        if transport == "http":
            environment[TOKEN_VARIABLE] = world.token
        words = self.configure(home, environment, port, entries)
        with open(world.home / "client.out", "wb") as out:
            try:
                code = subprocess.run([self.program, *words], env=environment, cwd=work, stdin=subprocess.DEVNULL,
                                      stdout=out, stderr=subprocess.STDOUT, timeout=LIMIT).returncode
            except subprocess.TimeoutExpired:
                code = f"killed after {LIMIT} s"
        return code, (world.home / "client.out").read_text(errors="replace")


class ClaudeCode(Client):
    """Anthropic's client. Its permissions are skipped and a hook of six lines accepts every form: the least careful
    set-up that a person might choose."""

    name, title = "claude-code", "Claude Code"
    copies = {"success": "structuredContent", "error": "text"}
    # What it answers to a form with nobody at the keyboard, by transport; over HTTP its protocol version is the newest,
    # which asks within the call.
    elicited = {"stdio": ["accept"], "http": ["accept"]}

    def configure(self, home, environment, port, entries):
        environment |= {
            "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{port}", "ANTHROPIC_API_KEY": "dummy",
            "DISABLE_TELEMETRY": "1", "DISABLE_ERROR_REPORTING": "1", "DISABLE_AUTOUPDATER": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            # It refuses to skip permissions as root unless it is told that it stands in a box of its own.
            "IS_SANDBOX": "1",
        }
        servers = {}
        for name, entry in entries.items():
            servers[name] = entry if isinstance(entry, dict) else {
                "type": "http", "url": entry, "headers": {"Authorization": f"Bearer ${{{TOKEN_VARIABLE}}}"}}
        answer = {"hookSpecificOutput": {
            "hookEventName": "Elicitation", "action": "accept", "content": {"confirm": True, "comment": "fine"}}}
        (home / "yes.json").write_text(json.dumps(answer))
        hook = {"type": "command", "command": f"cat '{home / 'yes.json'}'"}
        (home / "settings.json").write_text(json.dumps({"hooks": {"Elicitation": [{"hooks": [hook]}]}}))
        (home / "mcp.json").write_text(json.dumps({"mcpServers": servers}))
        return ["-p", PROMPT, "--mcp-config", str(home / "mcp.json"), "--strict-mcp-config", "--settings",
                str(home / "settings.json"), "--dangerously-skip-permissions", "--no-session-persistence",
                "--output-format", "stream-json", "--verbose"]


class Codex(Client):
    """OpenAI's client with approvals and sandbox off, which is how it is run where nobody watches."""

    name, title = "codex", "Codex"
    copies = {"success": "structuredContent", "error": "structuredContent"}
    # It declines a form that has something to fill in. Over HTTP nobody asks it: its protocol version knows questions
    # only within a session, and the servers keep none.
    elicited = {"stdio": ["decline"], "http": []}

    def configure(self, home, environment, port, entries):
        environment |= {"CODEX_HOME": str(home / ".codex"), "SCRIPTED_MODEL_KEY": "dummy"}
        lines = [
            'model = "scripted"', 'model_provider = "scripted"', "check_for_update_on_startup = false",
            "[analytics]", "enabled = false",
            # Each of these would look for a catalogue or a service of its maker's.
            "[features]", "apps = false", "plugins = false", "remote_plugin = false", "daemon_auto_start = false",
            "[model_providers.scripted]", 'name = "scripted"', f'base_url = "http://127.0.0.1:{port}/v1"',
            'wire_api = "responses"', 'env_key = "SCRIPTED_MODEL_KEY"',
        ]
        for name, entry in entries.items():
            # Not required, it would start its first turn without a server that needs more than a moment to come up.
            lines += [f"[mcp_servers.{name}]", "required = true"]
            if isinstance(entry, dict):
                lines += [f"command = {json.dumps(entry['command'])}", f"args = {json.dumps(entry['args'])}",
                          f"[mcp_servers.{name}.env]"]
                lines += [f"{key} = {json.dumps(value)}" for key, value in entry["env"].items()]
            else:
                lines += [f"url = {json.dumps(entry)}", f'bearer_token_env_var = "{TOKEN_VARIABLE}"']
        (home / ".codex").mkdir()
        (home / ".codex" / "config.toml").write_text("\n".join(lines) + "\n")
        return ["exec", "--json", "--skip-git-repo-check", "--ephemeral", "--dangerously-bypass-approvals-and-sandbox",
                PROMPT]


CLIENTS = [ClaudeCode, Codex]


def found(kind, prefix):
    """The program of a client below an npm prefix, for the platform that npm chose; `None` where there is none."""
    patterns = {"claude-code": "node_modules/@anthropic-ai/claude-code-*/claude",
                "codex": "node_modules/@openai/codex-*/vendor/*/bin/codex"}
    programs = sorted(Path(prefix).glob(patterns[kind.name]))
    return str(programs[0]) if programs else None
