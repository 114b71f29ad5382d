/** One run of the console's tests: counted, bounded in time, and with nothing left of it when it ends. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { run } from "node:test";
import { fileURLToPath } from "node:url";

const HOME = fileURLToPath(new URL("..", import.meta.url));

/** On two busy cores a file takes some minutes; what takes longer hangs. */
const FILE_MS = 20 * 60_000;
const ALL_MS = 45 * 60_000;

/** Says how it is called, and ends. */
export function usage(how) {
  console.log(`usage: ${how}`);
  process.exit(2);
}

/**
 * Runs the files of tests, or one of them: `only` is what stands before `.test.mjs`.
 *
 * @param {{ binary: string, only?: string, pictures?: string }} what `pictures`: where a picture of every page goes that the tests
 *   look at.
 */
export async function runTests({ binary, only, pictures }) {
  let passed = 0;
  let failed = 0;
  const fail = (name, why) => {
    failed += 1;
    console.log(`FAIL ${name}\n${why}`);
  };
  // What a person's shell holds must not reach the product; tests name everything they set.
  for (const name of Object.keys(process.env)) if (name.startsWith("CORTEXPILOT_") && name !== "CORTEXPILOT_TEST_CHROMIUM") delete process.env[name];
  process.env.CORTEXPILOT_TEST_BINARY = binary;
  if (pictures !== undefined) process.env.CORTEXPILOT_SHOTS = pictures;
  const before = process.env.TMPDIR;
  const own = mkdtempSync(join(tmpdir(), "cpc-"));
  process.env.TMPDIR = own;

  const files = readdirSync(resolve(HOME, "tests"))
    .filter((file) => (only === undefined ? file.endsWith(".test.mjs") : file === `${only}.test.mjs`))
    .map((file) => resolve(HOME, "tests", file));
  const packages = ["api-contract", "api-client", "shared"].map((name) => `../frontend-${name}`);
  const built = spawnSync(process.execPath, ["../node_modules/typescript/bin/tsc", "--build", ...packages], { cwd: HOME, stdio: "inherit" });
  if (built.status !== 0) fail("the packages that the console is built from compile", "see above");
  if (files.length === 0) fail(`tests/${only}.test.mjs is there`, "it is not");

  const over = AbortSignal.timeout(ALL_MS);
  // One after the other: each has a browser of its own, and what is measured should not be measured against the rest.
  for await (const { type, data } of run({ files, concurrency: 1, timeout: FILE_MS, signal: over })) {
    if (type === "test:stdout" || type === "test:stderr") process.stdout.write(data.message);
    if (type !== "test:pass" && type !== "test:fail") continue;
    // Node reports each file as a test around its tests: counted only where it holds none, because it did not load.
    const isFile = files.includes(data.name) || data.details?.type === "suite";
    if (type === "test:pass") {
      if (isFile) continue;
      if (data.skip !== undefined) {
        console.log(`NOT RUN: ${data.name}: ${data.skip === true ? "it did not say why" : data.skip}`);
        continue;
      }
      passed += 1;
      console.log(`ok   ${data.name} (${(data.details.duration_ms / 1000).toFixed(1)} s)`);
      continue;
    }
    const error = data.details.error?.cause ?? data.details.error;
    if (isFile && data.details.error?.failureType === "subtestsFailed") continue;
    fail(data.name, error?.stack ?? error);
  }
  if (over.aborted) fail("the tests come to an end", `they did not within ${ALL_MS / 60_000} minutes`);
  const left = await leftOf(own);
  if (left.length > 0) fail("nothing that the tests started outlives them", `ended now: ${left.join("; ")}`);
  rmSync(own, { recursive: true, force: true, maxRetries: 5 });
  if (before === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = before;
  return { passed, failed };
}

/** Processes that live in the directory of this run, or name it: they are ours and nobody else's. Each is ended, and named. */
async function leftOf(own) {
  const text = (read) => {
    try {
      return read();
    } catch {
      // It ended meanwhile, or is somebody else's.
      return "";
    }
  };
  const still = () =>
    text(() => readdirSync("/proc").join("\n"))
      .split("\n")
      .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid)
      .map((pid) => ({
        pid: Number(pid),
        words: text(() => readFileSync(`/proc/${pid}/cmdline`, "utf8")).replaceAll("\0", " ").trim(),
        home: text(() => readlinkSync(`/proc/${pid}/cwd`)),
      }))
      .filter(({ words, home }) => words !== "" && (words.includes(own) || home.startsWith(own)));
  // A browser's helpers follow it within moments.
  for (let tries = 0; tries < 50 && still().length > 0; tries += 1) await new Promise((later) => setTimeout(later, 100));
  const left = still();
  for (const { pid } of left) text(() => process.kill(pid, "SIGKILL"));
  return left.map(({ pid, words }) => `${pid} ${words.slice(0, 120)}`);
}
