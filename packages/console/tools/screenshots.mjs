/**
 * Pictures of every page that the tests look at (320, 1024, 1440 pixels × light, dark × ordinary, hostile data), and contact
 * sheets of them:
 *
 *     node tools/screenshots.mjs --binary PATH --sheets DIR [--pictures DIR]
 *
 * `cargo xtask screenshots` calls it. That nothing overflows, nothing scrolls sideways and axe-core finds nothing is what the
 * tests judge, and then this fails as well. What else there is to see is for people: look at the sheets, and at the pictures
 * in the directory that `--pictures` names.
 */

import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { SHEETS, makeSheets } from "./sheets.mjs";
import { runTests, usage } from "./suite.mjs";

/** The sheets are documentation: all of them together stay below this. */
const MOST_BYTES = 3_000_000;

const option = (name) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : process.argv[at + 1];
};
const [binary, sheets, kept] = ["binary", "sheets", "pictures"].map(option);
if (binary === undefined || sheets === undefined) usage("node tools/screenshots.mjs --binary PATH --sheets DIR [--pictures DIR]");
const pictures = kept === undefined ? await mkdtemp(join(tmpdir(), "cpc-pictures-")) : resolve(kept);
await mkdir(pictures, { recursive: true });

const { passed, failed } = await runTests({ binary: resolve(binary), only: "pages", pictures });
const { made, bytes } = await makeSheets(pictures, resolve(sheets));
if (kept === undefined) await rm(pictures, { recursive: true, force: true });

const complaints = [];
if (made !== SHEETS) complaints.push(`${made} sheets were made, and there are ${SHEETS}`);
if (bytes > MOST_BYTES) complaints.push(`the sheets have ${bytes} bytes, more than ${MOST_BYTES}`);
for (const complaint of complaints) console.log(`FAIL ${complaint}`);
console.log(`${made} sheets, ${bytes} bytes, in ${resolve(sheets)}`);
console.log(`${passed} passed, ${failed + complaints.length} failed`);
process.exitCode = failed + complaints.length === 0 ? 0 : 1;
