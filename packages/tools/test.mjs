/**
 * Everything that is to be shown of the packages: generated files are what is made now, all of it compiles strictly, every
 * test passes. `--binary PATH` names the product that the tests drive. Prints `N passed, N failed` last.
 */

import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { resolve } from "node:path";
import { run } from "node:test";
import { fileURLToPath } from "node:url";

const home = fileURLToPath(new URL("..", import.meta.url));
const at = process.argv.indexOf("--binary");
if (at < 0 || process.argv[at + 1] === undefined) {
  console.log("usage: node tools/test.mjs --binary PATH");
  process.exit(2);
}
process.env.CORTEXPILOT_TEST_BINARY = resolve(process.argv[at + 1]);
// Tests name everything they set: what a person's shell holds must not reach the product.
for (const name of Object.keys(process.env)) {
  if (name.startsWith("CORTEXPILOT_") && name !== "CORTEXPILOT_TEST_BINARY") delete process.env[name];
}

let passed = 0;
let failed = 0;

/** One command that must succeed. */
function step(what, ...args) {
  const done = spawnSync(process.execPath, args, { cwd: home, stdio: "inherit" });
  if (done.status === 0) passed += 1;
  else failed += 1;
  console.log(`${done.status === 0 ? "ok  " : "FAIL"} ${what}`);
  return done.status === 0;
}

const tsc = "node_modules/typescript/bin/tsc";
step("generated files are what is made now", "tools/generate.mjs", "--check");
// From nothing, so that no output of a source that is gone is tested or packed.
step("what was built before is gone", tsc, "--build", "--clean", "frontend-api-client/tests", "frontend-shared/tests");
const built = step("sources and tests compile", tsc, "--build", "frontend-api-client/tests", "frontend-shared/tests");

if (built && step("the console compiles", tsc, "--noEmit", "-p", "console")) {
  // Its pages have tests of their own (console/tools/test.mjs), which need a browser; this much needs none.
  step("the console that is checked in is what it is built to", "--test", "--test-name-pattern", "byte for byte|nothing in it is inline", "console/tests/size.test.mjs");
}

if (built) {
  const tests = ["tests", "frontend-api-client/build", "frontend-shared/build"].flatMap((dir) =>
    readdirSync(resolve(home, dir))
      .filter((file) => /\.test\.m?js$/.test(file))
      .map((file) => resolve(home, dir, file)),
  );
  for await (const { type, data } of run({ files: tests, concurrency: 2, timeout: 180_000 })) {
    if (type === "test:stdout" || type === "test:stderr") process.stdout.write(data.message);
    if (type !== "test:pass" && type !== "test:fail") continue;
    // Node reports each file as a test around its tests: counted only where it holds none, because it did not load.
    const isFile = tests.includes(data.name) || data.details?.type === "suite";
    if (type === "test:pass") {
      if (!isFile) passed += 1;
      continue;
    }
    const error = data.details.error?.cause ?? data.details.error;
    if (isFile && data.details.error?.failureType === "subtestsFailed") continue;
    failed += 1;
    console.log(`FAIL ${data.name}\n${error?.stack ?? error}`);
  }
}

console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
