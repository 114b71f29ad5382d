/**
 * Writes what is made from the OpenAPI document: a copy of it and its types. With `--check` it compares instead.
 *
 * The head of the types names the document and the text that they were made from by their SHA-256, so that a machine without
 * Node can tell whether they belong together: `cargo xtask check` does.
 */

import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";

import openapiTS, { astToString } from "openapi-typescript";

const at = (path) => new URL(`../${path}`, import.meta.url);
const sha256 = (text) => createHash("sha256").update(text).digest("hex");

const COPY = "frontend-api-contract/openapi.json";
const TYPES = "frontend-api-contract/src/generated/schema.ts";

const document = await readFile(at("../openapi.json"), "utf8");
const tools = JSON.parse(await readFile(at("package.json"), "utf8")).devDependencies;
const printed = astToString(
  await openapiTS(JSON.parse(document), { alphabetize: false, defaultNonNullable: false, silent: true }),
);
// As the repository wants its files: no white space at ends of lines, one line break at the end.
const body = `${printed.replace(/[ \t\r]+$/gm, "").trimEnd()}\n`;
const types = `// Made from openapi.json by openapi-typescript ${tools["openapi-typescript"]}. Change the code, then run \`cargo xtask gen\`.
// document sha256: ${sha256(document)}
// text sha256: ${sha256(body)}
${body}`;

const checks = process.argv.includes("--check");
let differ = 0;
for (const [path, fresh] of [
  [COPY, document],
  [TYPES, types],
]) {
  const kept = await readFile(at(path), "utf8").catch(() => undefined);
  if (kept === fresh) console.log(`unchanged packages/${path}`);
  else if (checks) {
    differ += 1;
    console.log(`packages/${path} is not what is made now: run \`cargo xtask gen\``);
  } else {
    await writeFile(at(path), fresh);
    console.log(`written   packages/${path}`);
  }
}
process.exitCode = differ === 0 ? 0 : 1;
