// Writes the protocol's JSON schemas, one file a version, out of the pinned conformance suite, which carries them:
//
//     node tests/clients/schema/extract.mjs target/clients/node/node_modules/@modelcontextprotocol/conformance
//
// Run it after raising the suite's pin, and read the difference. What the suite carries is the schema of
// https://github.com/modelcontextprotocol/modelcontextprotocol (see README.md beside this file).

import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import vm from "node:vm";

const suite = process.argv[2];
const here = dirname(fileURLToPath(import.meta.url));
const source = readFileSync(join(suite, "dist/index.js"), "utf8");

// The table that maps a version to the variable that holds its schema; its last key is a constant, the newest version.
const table = /\{"2025-03-26":(\w+),"2025-06-18":(\w+),"2025-11-25":(\w+),\[\w+\]:(\w+)\}/.exec(source);
if (!table) throw new Error("the suite no longer carries its schemas as this script expects");
const versions = ["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"];

versions.forEach((version, index) => {
  const schema = literal(source, source.indexOf(`${table[index + 1]}={$schema:`) + table[index + 1].length + 1);
  const definitions = schema.$defs ?? schema.definitions;
  if (!definitions?.CallToolRequest) throw new Error(`what was found for ${version} is no schema of the protocol`);
  writeFileSync(join(here, `${version}.json`), JSON.stringify(schema, null, 1) + "\n");
  console.log(`${version}: ${Object.keys(definitions).length} definitions`);
});

/** The object literal that begins at `start`, as a value. It holds data only: it is evaluated without any globals. */
function literal(text, start) {
  let depth = 0;
  let quote = "";
  for (let at = start; at < text.length; at++) {
    const char = text[at];
    if (quote) {
      if (char === "\\") at++;
      else if (char === quote) quote = "";
    } else if (char === "`" || char === '"' || char === "'") quote = char;
    else if (char === "{") depth++;
    else if (char === "}" && --depth === 0) {
      return vm.runInNewContext(`(${text.slice(start, at + 1)})`, Object.create(null));
    }
  }
  throw new Error("the literal has no end");
}
