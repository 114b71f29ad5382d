/**
 * The console's tests: they drive the real binary with a real browser.
 *
 *     node tools/test.mjs --binary PATH [--only NAME]
 *
 * `--only` runs `tests/NAME.test.mjs` alone. `--binary` names the product, CORTEXPILOT_TEST_CHROMIUM the browser where it is not
 * /usr/bin/chromium. Every port is a free one, everything that is written lies in a directory of this run, and nothing that its
 * tests started outlives it. Prints a line `NOT RUN: NAME: WHY` for each test that could not run, and `N passed, N failed` last.
 */

import { existsSync } from "node:fs";
import { resolve } from "node:path";

import { runTests, usage } from "./suite.mjs";

const at = process.argv.indexOf("--binary");
const binary = at < 0 ? process.env.CORTEXPILOT_TEST_BINARY : process.argv[at + 1];
if (binary === undefined || !existsSync(binary)) usage("node tools/test.mjs --binary PATH [--only NAME]");
const only = process.argv.indexOf("--only");
const { passed, failed } = await runTests({ binary: resolve(binary), only: only < 0 ? undefined : process.argv[only + 1] });
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
