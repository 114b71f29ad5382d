/**
 * What a build was made from, and what came of it, written beside it as `made-from.txt`: so a machine without Node can tell
 * that the console that is checked in is not that of its sources, or was edited (`cargo xtask check`).
 */

import { createHash } from "node:crypto";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PACKAGES = fileURLToPath(new URL("../..", import.meta.url));
const RECORD = "made-from.txt";

/** The one library whose text stands in the style sheet and that no script imports, so that no bundler names it. */
const IN_STYLES = "tailwindcss";

async function filesBelow(top, below = "") {
  const entries = await readdir(join(top, below), { withFileTypes: true });
  const found = entries.map((entry) => {
    const path = below === "" ? entry.name : `${below}/${entry.name}`;
    return entry.isDirectory() ? filesBelow(top, path) : [path];
  });
  return (await Promise.all(found)).flat();
}

/** Lines `WORD SHA256 PATH`, by path, whatever the machine's language is. */
async function lines(word, top, paths) {
  const sorted = [...paths].sort((one, next) => Buffer.compare(Buffer.from(one), Buffer.from(next)));
  const each = sorted.map(async (path) => `${word} ${createHash("sha256").update(await readFile(join(top, path))).digest("hex")} ${path}\n`);
  return (await Promise.all(each)).join("");
}

/** A plugin that finishes a build: the licence of what stands in the style sheet, then the record. */
export function record() {
  return {
    name: "record",
    apply: "build",
    async writeBundle({ dir }) {
      const { files, directories } = JSON.parse(await readFile(join(PACKAGES, "console/tools/inputs.json"), "utf8"));
      const below = await Promise.all(directories.map(async (at) => (await filesBelow(join(PACKAGES, at))).map((path) => `${at}/${path}`)));
      const from = await lines("from", PACKAGES, [...files, ...below.flat()]);

      const home = join(PACKAGES, "node_modules", IN_STYLES);
      const { version, license } = JSON.parse(await readFile(join(home, "package.json"), "utf8"));
      const licences = join(dir, "licenses.md");
      const known = (await readFile(licences, "utf8")).trimEnd();
      await writeFile(licences, `${known}\n\n## ${IN_STYLES} - ${version} (${license})\n\n${(await readFile(join(home, "LICENSE"), "utf8")).trim()}\n`);

      const made = await lines("made", dir, (await filesBelow(dir)).filter((path) => path !== RECORD));
      await writeFile(join(dir, RECORD), `Written by the build: change the sources, then run \`cargo xtask gen\`.\n${from}${made}`);
    },
  };
}
