/** The real binary, as an operator sets it up: run directories, a runtime root of its own, a free port. Nothing outlives `stop`. */

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** An operator's static token; it stands for `token:static`. */
export const OPERATOR = "an-operator-token-for-tests-only-0123456789abcdef";

const BINARY = process.env["CORTEXPILOT_TEST_BINARY"];

/** What a test's world has beside its runs. */
export interface Setup {
  /** Agents and operators may queue. */
  gate?: boolean;
  /** Who is asked. */
  policy?: "declared" | "operator" | "two-person";
  /** How many further runs there are. */
  more?: number;
}

/** One runtime root, and the server on it. */
export class Product {
  readonly root: string;
  readonly #env: Record<string, string>;
  #server: ChildProcess | undefined;
  /** Where the server listens. */
  url = "";

  private constructor(root: string, setup: Setup) {
    this.root = root;
    this.#env = {
      CORTEXPILOT_RUNTIME_ROOT: root,
      PATH: process.env["PATH"] ?? "",
      ...(setup.gate ? { CORTEXPILOT_MCP_QUEUE_PILOT_ENABLE_APPLY: "1" } : {}),
      ...(setup.policy ? { CORTEXPILOT_MCP_QUEUE_PILOT_APPROVAL: setup.policy } : {}),
    };
  }

  static async start(setup: Setup = {}): Promise<Product> {
    if (BINARY === undefined) throw new Error("CORTEXPILOT_TEST_BINARY names the binary under test");
    const root = await mkdtemp(join(tmpdir(), "cortexpilot-packages-"));
    const product = new Product(root, setup);
    try {
      for (const id of ["run_ok", ...Array.from({ length: setup.more ?? 0 }, (_, at) => `run_more_${at}`)]) {
        await product.writeRun(id);
      }
      await product.listen();
      return product;
    } catch (failed) {
      await product.stop();
      throw failed;
    }
  }

  /** A run directory as orchestrators write them. */
  async writeRun(id: string): Promise<void> {
    const home = join(this.root, "runs", id);
    await mkdir(join(home, "reports"), { recursive: true });
    await mkdir(join(home, "artifacts"));
    const contract = JSON.stringify({
      task_id: `task_${id}`,
      owner_agent: { role: "TECH_LEAD", agent_id: "agent-1" },
      allowed_paths: ["docs"],
      acceptance_tests: [{ name: "noop", cmd: "echo ok", must_pass: true }],
      tool_permissions: { filesystem: "workspace-write", network: "deny" },
      timeout_retry: { timeout_sec: 60 },
    });
    const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
    await writeFile(join(home, "contract.json"), contract);
    await writeFile(join(home, "artifacts", "note.txt"), "a note\n");
    await writeFile(join(home, "patch.diff"), "--- a/docs/x\n+++ b/docs/x\n@@ -1 +1 @@\n-a\n+b\n");
    await writeFile(join(home, "reports", "test_report.json"), '{"status": "PASS"}');
    await writeFile(
      join(home, "manifest.json"),
      JSON.stringify({
        run_id: id,
        task_id: `task_${id}`,
        created_at: "2026-03-01T12:00:00+00:00",
        status: "SUCCESS",
        workflow: { workflow_id: "wf-1", status: "SUCCESS" },
        evidence_hashes: { "contract.json": sha256(contract), "artifacts/note.txt": sha256("a note\n") },
      }),
    );
    await writeFile(join(home, "events.jsonl"), "");
    for (const name of ["RUN_STARTED", "STEP_STARTED", "RUN_FINISHED"]) await this.appendEvent(id, name);
  }

  /** One more line of a run's events. */
  async appendEvent(id: string, name: string): Promise<void> {
    const line = JSON.stringify({ ts: "2026-03-01T12:00:01+00:00", event: name, run_id: id, context: {} });
    await appendFile(join(this.root, "runs", id, "events.jsonl"), `${line}\n`);
  }

  /** Starts the server, on a port that is free now. */
  async listen(): Promise<void> {
    const server = spawn(BINARY as string, ["serve", "--port", "0"], {
      cwd: this.root,
      env: { ...this.#env, CORTEXPILOT_API_TOKEN: OPERATOR, CORTEXPILOT_API_TOKEN_ROLES: "OPS,OWNER" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#server = server;
    let said = "";
    this.url = await new Promise<string>((resolve, reject) => {
      const read = (piece: Buffer): void => {
        said += String(piece);
        const found = /http:\/\/127\.0\.0\.1:\d+/.exec(said);
        if (found !== null) resolve(found[0]);
      };
      server.stdout?.on("data", read);
      server.stderr?.on("data", read);
      server.on("error", reject);
      server.on("exit", (code) => reject(new Error(`serve ended with ${code}:\n${said}`)));
    });
  }

  /** Stops the server as an operator does, and waits until it is gone. */
  async unlisten(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined || server.exitCode !== null) return;
    const gone = new Promise((resolve) => server.once("exit", resolve));
    server.kill("SIGTERM");
    const limit = setTimeout(() => server.kill("SIGKILL"), 15_000);
    await gone;
    clearTimeout(limit);
  }

  /** What a command says as JSON. */
  async command(...args: string[]): Promise<Record<string, unknown>> {
    const done = await run(BINARY as string, [...args, "--output", "json"], { cwd: this.root, env: this.#env });
    return JSON.parse(done.stdout) as Record<string, unknown>;
  }

  /** The same, acting with a personal token. */
  async commandAs(token: string, ...args: string[]): Promise<Record<string, unknown>> {
    const env = { ...this.#env, CORTEXPILOT_TOKEN: token };
    const done = await run(BINARY as string, [...args, "--output", "json"], { cwd: this.root, env });
    return JSON.parse(done.stdout) as Record<string, unknown>;
  }

  /** A personal token, and its id. */
  async token(kind: "operator" | "agent" | "worker", name: string): Promise<{ token: string; id: string }> {
    const roles = kind === "worker" ? [] : ["--role", "OPS"];
    const made = await this.command("token", "create", "--name", name, "--kind", kind, ...roles, "--reason", "tests");
    return { token: String(made["token"]), id: String((made["record"] as Record<string, unknown>)["id"]) };
  }

  /** The events in the ledger, in order. */
  async ledger(): Promise<string[]> {
    const text = await readFile(join(this.root, "queue.jsonl"), "utf8").catch(() => "");
    const lines = text.split("\n").filter((line) => line.trim() !== "");
    return lines.map((line) => String((JSON.parse(line) as Record<string, unknown>)["event"]));
  }

  async stop(): Promise<void> {
    await this.unlisten();
    await rm(this.root, { recursive: true, force: true });
  }
}

/** Gives a test its own product, and takes it away whatever happens. */
export async function withProduct(setup: Setup, test: (product: Product) => Promise<void>): Promise<void> {
  const product = await Product.start(setup);
  try {
    await test(product);
  } finally {
    await product.stop();
  }
}
