/**
 * Serves the built console in front of a control plane that runs on this machine.
 *
 *     node tools/serve.mjs --backend http://127.0.0.1:8000 [--port 8080] [--token-file FILE]
 *
 * With a token file it prints an address that signs in once.
 */

import { readFile } from "node:fs/promises";

import { standIn } from "./stand-in.mjs";

const option = (name) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : process.argv[at + 1];
};
const backend = option("backend");
if (backend === undefined) {
  console.log("usage: node tools/serve.mjs --backend URL [--port N] [--token-file FILE]");
  process.exit(2);
}
const served = await standIn({ backend, port: Number(option("port") ?? 0) });
console.log(`Console   ${served.url}/`);
const tokenFile = option("token-file");
if (tokenFile !== undefined) console.log(`Sign in   ${served.loginUrl((await readFile(tokenFile, "utf8")).trim())}   (once, within five minutes)`);
