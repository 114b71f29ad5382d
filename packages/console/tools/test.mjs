/**
 * The console's tests: they drive the real binary with a real browser. `--binary PATH` names the product; CORTEXPILOT_TEST_CHROMIUM
 * the browser, where it is not /usr/bin/chromium. Prints `N passed, N failed` last.
 */

import { readdirSync } from "node:fs";
import { resolve } from "node:path";
import { run } from "node:test";
import { fileURLToPath } from "node:url";

const home = fileURLToPath(new URL("..", import.meta.url));
const at = process.argv.indexOf("--binary");
const binary = at < 0 ? process.env.CORTEXPILOT_TEST_BINARY : process.argv[at + 1];
if (binary === undefined) {
  console.log("usage: node tools/test.mjs --binary PATH [--only TEXT]");
  process.exit(2);
}
// What a person's shell holds must not reach the product.
const kept = new Set(["CORTEXPILOT_TEST_CHROMIUM", "CORTEXPILOT_SHOTS"]);
for (const name of Object.keys(process.env)) if (name.startsWith("CORTEXPILOT_") && !kept.has(name)) delete process.env[name];
process.env.CORTEXPILOT_TEST_BINARY = resolve(binary);

const only = process.argv.indexOf("--only");
const files = readdirSync(resolve(home, "tests"))
  .filter((file) => file.endsWith(".test.mjs") && (only < 0 || file.includes(process.argv[only + 1] ?? "")))
  .map((file) => resolve(home, "tests", file));
let passed = 0;
let failed = 0;
// One after the other: each has a browser of its own, and what is measured should not be measured against the rest.
for await (const { type, data } of run({ files, concurrency: 1, timeout: 900_000 })) {
  if (type === "test:stdout" || type === "test:stderr") process.stdout.write(data.message);
  if (type !== "test:pass" && type !== "test:fail") continue;
  const isFile = files.includes(data.name) || data.details?.type === "suite";
  if (type === "test:pass") {
    if (isFile) continue;
    passed += 1;
    console.log(`ok   ${data.name} (${(data.details.duration_ms / 1000).toFixed(1)} s)`);
    continue;
  }
  if (isFile && data.details.error?.failureType === "subtestsFailed") continue;
  failed += 1;
  const error = data.details.error?.cause ?? data.details.error;
  console.log(`FAIL ${data.name}\n${error?.stack ?? error}`);
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
