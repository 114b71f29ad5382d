/** The real binary with runs of its own and the console that it serves, and browsers that look. Nothing outlives `stop`. */

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { chromium } from "playwright-core";

import { openWire } from "../tools/wire.mjs";

const run = promisify(execFile);
const BINARY = process.env.CORTEXPILOT_TEST_BINARY;

/** The run that every world has. */
export const RUN = "run_readme_note_083122";

/** An operator's static token; it stands for `token:api`. */
export const STATIC = "an-operator-token-for-tests-only-0123456789abcdef";

/** Text as nobody wishes it: markup, turned direction, characters without width, stacked marks, right to left. */
export const HOSTILE = {
  markup: `<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>`,
  bidi: "ordinary \u202egnidaer\u202c \u2066isolated\u2069 zero\u200bwidth\u2060here \u0007bell",
  marks: `Z${"\u0300\u0301\u0302\u0303\u0304\u0305".repeat(12)}algo`,
  rtl: "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd (123) \u0645\u0631\u062d\u0628\u0627",
};
/** As long as an id can be. */
export const LONG_ID = `run_${"0123456789abcdef".repeat(8)}`.slice(0, 128);

export class World {
  /**
   * @param {{ gate?: boolean, policy?: string, wire?: boolean, env?: Record<string, string> }} setup `gate`: queueing is on;
   *   `wire`: browsers reach it through a piece of network that can be cut.
   */
  static async start(setup = {}) {
    const world = await World.#bare();
    if (setup.wire) world.wire = await openWire();
    world.env = {
      ...(world.wire ? { CORTEXPILOT_API_ALLOWED_ORIGINS: world.wire.url } : {}),
      CORTEXPILOT_RUNTIME_ROOT: world.root,
      PATH: process.env.PATH ?? "",
      ...(setup.gate ? { CORTEXPILOT_MCP_QUEUE_PILOT_ENABLE_APPLY: "1" } : {}),
      ...(setup.policy ? { CORTEXPILOT_MCP_QUEUE_PILOT_APPROVAL: setup.policy } : {}),
      ...setup.env,
    };
    await world.writeRun(RUN);
    return world;
  }

  static async #bare() {
    if (BINARY === undefined) throw new Error("CORTEXPILOT_TEST_BINARY names the binary under test");
    const world = new World();
    world.root = await mkdtemp(join(tmpdir(), "cortexpilot-console-"));
    return world;
  }

  /** `up --demo` as it is, with its own runs and its worker. */
  static async demo() {
    const world = await World.#bare();
    world.env = { PATH: process.env.PATH ?? "", HOME: world.root, CORTEXPILOT_REPO_ROOT: world.root, CORTEXPILOT_MCP_QUEUE_PILOT_ENABLE_APPLY: "1" };
    await world.open(["up", "--demo", "--port", "0"]);
    const token = join(world.root, ".runtime-cache/cortexpilot-demo/keys/api.token");
    world.demoToken = (await readFile(token, "utf8")).trim();
    return world;
  }

  /** Starts the server. Runs that are written before are there from the start. */
  async open(command = ["serve", "--port", "0"]) {
    const server = spawn(BINARY, command, {
      cwd: this.root,
      env: command[0] === "up" ? this.env : { ...this.env, CORTEXPILOT_API_TOKEN: STATIC, CORTEXPILOT_API_TOKEN_ROLES: "OPS,OWNER" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.server = server;
    this.said = "";
    this.backend = await new Promise((resolve, reject) => {
      const read = (piece) => {
        const found = /http:\/\/127\.0\.0\.1:\d+/.exec((this.said += String(piece)));
        if (found !== null) resolve(found[0]);
      };
      server.stdout.on("data", read);
      server.stderr.on("data", read);
      server.on("error", reject);
      server.on("exit", (code) => reject(new Error(`${command[0]} ended with ${code}:\n${this.said}`)));
    });
    this.wire?.to(Number(new URL(this.backend).port));
    this.url = this.wire?.url ?? this.backend;
    return this;
  }

  /** What the server has printed, as soon as it holds this. */
  async until(pattern) {
    for (;;) {
      const found = pattern.exec(this.said);
      if (found !== null) return found;
      if (this.server.exitCode !== null) throw new Error(`it ended without saying ${pattern}:\n${this.said}`);
      await new Promise((resolve) => this.server.stdout.once("data", resolve));
    }
  }

  /** A run directory as orchestrators write them. */
  async writeRun(id, { status = "SUCCESS", spec = "Add a note to the README.", task = `task_${id.slice(4, 60)}`, events = 3, extra = {}, paths = ["docs/README.md"], commands = ["echo ok"] } = {}) {
    const home = join(this.root, "runs", id);
    await mkdir(join(home, "reports"), { recursive: true });
    await mkdir(join(home, "artifacts"), { recursive: true });
    const contract = JSON.stringify({
      task_id: task,
      owner_agent: { role: "TECH_LEAD", agent_id: "agent-1" },
      inputs: { spec },
      allowed_paths: paths,
      acceptance_tests: commands.map((cmd) => ({ name: "check", cmd, must_pass: true })),
      tool_permissions: { filesystem: "workspace-write", network: "deny", shell: "never" },
      timeout_retry: { timeout_sec: 60 },
    });
    const sha256 = (text) => createHash("sha256").update(text).digest("hex");
    await writeFile(join(home, "contract.json"), contract);
    await writeFile(join(home, "artifacts", "note.txt"), "a note\n");
    await writeFile(join(home, "patch.diff"), "--- a/docs/README.md\n+++ b/docs/README.md\n@@ -1,2 +1,3 @@\n # Shop\n+A note.\n text\n");
    await writeFile(join(home, "reports", "test_report.json"), '{"status": "PASS", "commands": [{"name": "check", "cmd": "echo ok", "exit_code": 0}]}');
    await writeFile(
      join(home, "manifest.json"),
      JSON.stringify({
        run_id: id,
        task_id: task,
        created_at: "2026-03-01T12:00:00+00:00",
        finished_at: "2026-03-01T12:00:41+00:00",
        status,
        user_request: spec,
        runner: { name: "codex" },
        repo: { root: "/srv/shop", baseline_ref: "HEAD" },
        workflow: { workflow_id: "wf-1", status },
        evidence_hashes: { "contract.json": sha256(contract), "artifacts/note.txt": sha256("a note\n") },
        ...extra,
      }),
    );
    const names = ["RUN_STARTED", "STEP_STARTED", "TOOL_CALL", "STEP_FINISHED"];
    const lines = Array.from({ length: events }, (_, at) =>
      JSON.stringify({
        ts: new Date(Date.UTC(2026, 2, 1, 12) + at * 100).toISOString().replace("Z", "+00:00"),
        event: at === events - 1 ? "RUN_FINISHED" : names[at % names.length],
        run_id: id,
        context: { step: at, note: spec.slice(0, 80) },
      }),
    );
    await writeFile(join(home, "events.jsonl"), lines.map((line) => `${line}\n`).join(""));
  }

  /** What a command says as JSON. */
  async command(...args) {
    const done = await run(BINARY, [...args, "--output", "json"], { cwd: this.root, env: this.env, maxBuffer: 64 * 1024 * 1024 });
    return JSON.parse(done.stdout);
  }

  /** A personal token. */
  async token(kind, name, extra = []) {
    const roles = kind === "worker" ? [] : ["--role", "OPS"];
    return (await this.command("token", "create", "--name", name, "--kind", kind, ...roles, "--reason", "tests", ...extra)).token;
  }

  /** One call of the API, signed in by a token. */
  async api(method, path, body, token = STATIC) {
    const headers = { authorization: `Bearer ${token}`, "x-cortexpilot-role": "OPS", "content-type": "application/json" };
    const answer = await fetch(this.backend + path, { method, headers, ...(method === "POST" ? { body: JSON.stringify(body ?? {}) } : {}) });
    return { status: answer.status, body: await answer.json() };
  }

  /** Previews a run and applies. */
  async enqueue(runId = RUN, { token = STATIC, reason = "try it again", asker = "alice", confirm_run_id, ...rest } = {}) {
    const path = `/api/queue/from-run/${runId}`;
    const preview = (await this.api("POST", `${path}/preview`, rest, token)).body;
    const stated = { confirm: true, actor_role: "OPS", requested_by: asker, approval_reason: reason, ...(confirm_run_id ? { confirm_run_id } : {}) };
    const answer = await this.api("POST", path, { ...rest, ...stated, preview_token: preview.preview_token, ...(token === STATIC ? { allow_duplicate: true } : {}) }, token);
    if (answer.status !== 200) throw new Error(`${runId} was not queued: ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  /** The lines of the ledger, as objects. */
  async ledger() {
    const text = await readFile(join(this.root, "queue.jsonl"), "utf8").catch(() => "");
    return text.split("\n").filter(Boolean).map((line) => JSON.parse(line));
  }

  /** Ends the server alone: files and browsers stay. */
  async gone() {
    const { server } = this;
    if (server !== undefined && server.exitCode === null) {
      const gone = new Promise((resolve) => server.once("exit", resolve));
      server.kill("SIGTERM");
      const limit = setTimeout(() => server.kill("SIGKILL"), 10_000);
      await gone;
      clearTimeout(limit);
    }
  }

  async stop() {
    await this.wire?.close();
    await this.gone();
    await rm(this.root, { recursive: true, force: true });
  }
}

let browser;

/** The browser that all tests share. */
export async function chrome() {
  browser ??= await chromium.launch({ executablePath: process.env.CORTEXPILOT_TEST_CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] });
  return browser;
}

export async function closeChrome() {
  await browser?.close();
  browser = undefined;
}

/**
 * Somebody at the console: a browser profile of their own, signed in unless `token` is null. What the page complains about is gathered in
 * `said`: errors, refused policy, failed scripts.
 */
export async function person(world, { token = STATIC, theme = "light", width = 1280, height = 860, path = "/" } = {}) {
  const context = await (await chrome()).newContext({ colorScheme: theme, viewport: { width, height }, reducedMotion: "reduce", timezoneId: "Europe/Berlin" });
  if (token !== null) {
    const answer = await context.request.post(`${world.url}/api/session`, { data: { token }, headers: { origin: world.url, "x-cortexpilot-csrf": "1" } });
    assert.equal(answer.status(), 200, await answer.text());
  }
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const said = [];
  page.on("pageerror", (error) => said.push(`error: ${error.message}`));
  page.on("console", (message) => {
    // A refused or absent answer is written there by the browser itself; pages show those, and tests look at pages.
    if (message.type() === "error" && !/Failed to load resource|net::ERR/.test(message.text())) said.push(message.text());
  });
  await page.goto(world.url + path);
  if (token !== null) await page.locator('a[href="#main"]').waitFor({ state: "attached" });
  return { page, context, said };
}

/** Gives a test its own world, and takes it and its browsers away whatever happens. `prepare` comes before the server. */
export async function within(setup, act) {
  const world = await (setup.demo ? World.demo() : World.start(setup));
  try {
    if (!setup.demo) {
      await setup.prepare?.(world);
      await world.open();
    }
    await act(world);
  } finally {
    await Promise.all((browser?.contexts() ?? []).map((context) => context.close()));
    await world.stop();
  }
}

/** Fills in a decision on the preview page. */
export async function decide(page, { reason = "rerun after the fix", typed = RUN.slice(-6) } = {}) {
  await page.getByLabel("Reason").fill(reason);
  await page.getByLabel(/Type the/).fill(typed);
}

/** Gives a reason in the dialog that asks for one, and sends it. */
export async function say(page, button, reason) {
  await page.getByRole("button", { name: button }).click();
  await page.getByRole("dialog").getByLabel("Reason").fill(reason);
  await page.keyboard.press("Enter");
}
