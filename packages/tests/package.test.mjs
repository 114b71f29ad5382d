/** The packages as their users get them: packed, installed elsewhere, imported, bundled for a browser, typed. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { build } from "esbuild";
import { publint } from "publint";
import { formatMessage } from "publint/utils";

const PACKAGES = fileURLToPath(new URL("..", import.meta.url));
const NAMES = ["frontend-api-contract", "frontend-api-client", "frontend-shared"];

/**
 * What each entry point may weigh, minified and gzipped, in bytes: with all that it imports. Somebody loads it before they see
 * anything. Raise a row only with a reason.
 */
const BUDGETS = [
  ["@cortexpilot/frontend-api-client", "*", 7_000],
  ["@cortexpilot/frontend-api-client/queue-operator", "*", 1_000],
  ["@cortexpilot/frontend-api-client/operator", "*", 1_000],
  ["@cortexpilot/frontend-api-client/session", "*", 1_000],
  // The whole protocol of workers, with the check of a contract's digest.
  ["@cortexpilot/frontend-api-client/worker", "*", 1_500],
  ["@cortexpilot/frontend-shared", "{ moment, lookOf, QUEUE_STATUS }", 1_500],
  ["@cortexpilot/frontend-shared", "*", 10_000],
];

let home;
const tarballs = {};

/** Runs npm without asking the registry for anything. */
function npm(args, cwd) {
  return execFileSync("npm", [...args, "--offline", "--ignore-scripts"], { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

before(() => {
  home = mkdtempSync(join(tmpdir(), "cortexpilot-packed-"));
  for (const name of NAMES) {
    const [packed] = JSON.parse(npm(["pack", "--json", "--pack-destination", home], join(PACKAGES, name)));
    tarballs[name] = { file: join(home, packed.filename), paths: packed.files.map((file) => file.path) };
  }
  writeFileSync(join(home, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }));
  npm(["install", "--no-save", ...NAMES.map((name) => tarballs[name].file)], home);
});

after(() => rmSync(home, { recursive: true, force: true }));

test("a packed package holds what it runs on, its licence and its README, and nothing else", () => {
  for (const name of NAMES) {
    const { paths } = tarballs[name];
    for (const needed of ["LICENSE", "README.md", "package.json", "dist/index.js", "dist/index.d.ts"]) {
      assert.ok(paths.includes(needed), `${name} lacks ${needed}`);
    }
    const other = paths.filter((path) => !/^(LICENSE|README\.md|package\.json|openapi\.json|dist\/.*\.(js|d\.ts))$/.test(path));
    assert.deepEqual(other, [], name);
    const licence = readFileSync(join(PACKAGES, "..", "LICENSE"), "utf8");
    assert.equal(readFileSync(join(PACKAGES, name, "LICENSE"), "utf8"), licence, `${name} carries another licence`);
  }
});

test("publint finds nothing", async () => {
  for (const name of NAMES) {
    const { messages, pkg } = await publint({ pkgDir: join(PACKAGES, name), level: "suggestion", pack: "npm", strict: true });
    assert.deepEqual(messages.map((message) => formatMessage(message, pkg)), [], name);
  }
});

test("types are found by every way of resolving that knows exports", async () => {
  for (const name of NAMES) {
    const tarball = new Uint8Array(readFileSync(tarballs[name].file));
    const analysis = await checkPackage(createPackageFromTarballData(tarball));
    assert.ok(analysis.types, `${name} has types`);
    // The packages are ES modules alone: CommonJS imports them with `import()`, and node10 knows no exports.
    const problems = analysis.problems.filter(
      (it) => it.kind !== "CJSResolvesToESM" && !(it.kind === "NoResolution" && it.resolutionKind === "node10"),
    );
    assert.deepEqual(problems, [], name);
  }
});

/** A consumer's source, typed against the packed packages. */
const CONSUMER = `
import { createControlPlaneClient, isControlPlaneError, type QueueStreamEvent } from "@cortexpilot/frontend-api-client";
import { enqueueFromRun, previewEnqueueFromRun } from "@cortexpilot/frontend-api-client/queue-operator";
import { approveRequest } from "@cortexpilot/frontend-api-client/operator";
import { currentSession, signIn, signOut, takeLogin } from "@cortexpilot/frontend-api-client/session";
import { claimNext } from "@cortexpilot/frontend-api-client/worker";
import { ERRORS, type Schema } from "@cortexpilot/frontend-api-contract";
import { QUEUE_STATUS, lookOf } from "@cortexpilot/frontend-shared";

const client = createControlPlaneClient({ baseUrl: "http://127.0.0.1:8000", token: () => "t", role: "OPS" });
export async function use(): Promise<void> {
  for await (const run of client.runs.list({ status: "SUCCESS" })) {
    const id: string = run.run_id;
    // @ts-expect-error a run has no such member
    run.nonsense;
    const item: Schema<"ItemView"> = await client.queue.get(id);
    lookOf(QUEUE_STATUS, item.status);
  }
  // @ts-expect-error no such filter
  client.queue.list({ nonsense: "x" });
  const preview = await previewEnqueueFromRun(client, "run_ok", { priority: 1 });
  // @ts-expect-error an apply needs to say who asks and why
  await enqueueFromRun(client, "run_ok", { confirm: true, preview_token: preview.preview_token });
  // @ts-expect-error nothing but true confirms
  await enqueueFromRun(client, "run_ok", { confirm: false, actor_role: "OPS", requested_by: "a", approval_reason: "b", preview_token: "" });
  try {
    await approveRequest(client, "apr_x");
    await claimNext(client);
  } catch (caught) {
    if (isControlPlaneError(caught, "SELF_APPROVAL")) console.log(ERRORS[caught.code as "SELF_APPROVAL"].status);
  }
  const login = takeLogin();
  const session = login === undefined ? await currentSession(client) : await signIn(client, { login });
  const ends: string | null = session.expires_at;
  // @ts-expect-error one of the two
  await signIn(client, {});
  if (ends !== null) await signOut(client, { everywhere: true });
  const events: AsyncIterable<QueueStreamEvent> = client.queue.watch();
  for await (const event of events) if (event.event === "queue_event") event.data.item?.status;
}
`;

/** What the examples on our pages take for granted. */
const AROUND = `
import type { ControlPlaneClient as Client_ } from "@cortexpilot/frontend-api-client";
import type { Schema as Schema_ } from "@cortexpilot/frontend-api-contract";
declare const signal: AbortSignal;
declare function readToken(): string;
declare function show(item: unknown): void;
declare function showConnection(state: string): void;
declare function listAgain(state: unknown): Promise<void>;
`;

/** Every TypeScript example on our pages, each as a file of its own. */
function examples() {
  const pages = [...NAMES.map((name) => join(PACKAGES, name, "README.md")), join(PACKAGES, "../docs/guides/typescript-client.md")];
  return pages.flatMap((page) => {
    const blocks = [...readFileSync(page, "utf8").matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map((found) => found[1]);
    assert.ok(blocks.length > 0, `${page} has an example`);
    return blocks.map((block) => {
      const client = block.includes("const client =") ? "" : "declare const client: Client_;\n";
      const item = block.includes("type Item") ? "" : 'type Item = Schema_<"ItemView">;\n';
      return AROUND + client + item + block;
    });
  });
}

test("the packed packages and every example compile strictly where they are installed, as Node and as bundlers resolve", () => {
  const files = [CONSUMER, ...examples()].map((text, number) => {
    writeFileSync(join(home, `consumer-${number}.ts`), text);
    return `consumer-${number}.ts`;
  });
  for (const [module, resolution] of [
    ["nodenext", "nodenext"],
    ["esnext", "bundler"],
  ]) {
    const options = ["--strict", "--noEmit", "--exactOptionalPropertyTypes", "--target", "es2022", "--lib", "es2022,dom,dom.iterable"];
    const resolve = ["--module", module, "--moduleResolution", resolution, ...files];
    const tsc = join(PACKAGES, "node_modules/typescript/bin/tsc");
    try {
      execFileSync(process.execPath, [tsc, ...options, ...resolve], { cwd: home, encoding: "utf8" });
    } catch (failed) {
      assert.fail(`${resolution}: ${failed.stdout}`);
    }
  }
});

test("the packed packages load in Node, where they are installed", () => {
  const imports = BUDGETS.map(([name]) => `await import(${JSON.stringify(name)});`).join("\n");
  writeFileSync(join(home, "load.mjs"), `${imports}\nconsole.log("loaded");\n`);
  assert.equal(execFileSync(process.execPath, ["load.mjs"], { cwd: home, encoding: "utf8" }), "loaded\n");
});

/** One entry point bundled for a browser, as a page would load it. */
async function bundled(name, names, minify) {
  const used = names === "*" ? `export * from ${JSON.stringify(name)};` : `export ${names} from ${JSON.stringify(name)};`;
  const result = await build({
    stdin: { contents: used, resolveDir: home },
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    minify,
    logLevel: "silent",
  });
  assert.deepEqual(result.warnings, []);
  return result.outputFiles[0].text;
}

test("every entry point is bundled for a browser without anything of Node, within its budget", async () => {
  for (const [name, names, budget] of BUDGETS) {
    const plain = await bundled(name, names, false);
    // In code, not in comments.
    const code = plain.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
    for (const foreign of [/\brequire\(/, /\bnode:/, /\bprocess\.(env|argv|std|version|nextTick)/, /\bBuffer\b/, /\beval\(/, /new Function/, /\binnerHTML\b/]) {
      assert.doesNotMatch(code, foreign, name);
    }
    const bytes = gzipSync(await bundled(name, names, true), { level: 9 }).length;
    console.log(`${name} ${names}: ${bytes} bytes gzipped, of ${budget}`);
    assert.ok(bytes <= budget, `${name} ${names} weighs ${bytes} bytes, more than ${budget}`);
  }
});

test("who imports the client alone carries no path that changes anything", async () => {
  const reads = await bundled("@cortexpilot/frontend-api-client", "*", false);
  for (const write of ["from-run", "/cancel", "/approve", "/reject", "/freeze", "/revoke", "/claim", "/complete", "/heartbeat", "/release", "/stop", "/requeue", "/pause", "/presence", "/api/session"]) {
    assert.ok(!reads.includes(write), write);
  }
  const operator = await bundled("@cortexpilot/frontend-api-client/queue-operator", "*", false);
  assert.ok(operator.includes("from-run"));
});

test("every README says what the package is for and what the public contract is", () => {
  for (const name of NAMES) {
    const readme = readFileSync(join(PACKAGES, name, "README.md"), "utf8");
    assert.match(readme, /read-only MCP/, name);
  }
  const client = readFileSync(join(PACKAGES, "frontend-api-client", "README.md"), "utf8");
  assert.match(client, /not a public write promise/);
});

test("no source of a package is left out of its index", () => {
  for (const name of NAMES) {
    const sources = readdirSync(join(PACKAGES, name, "src")).filter((file) => file.endsWith(".ts"));
    for (const source of sources) assert.ok(tarballs[name].paths.includes(`dist/${source.replace(/\.ts$/, ".js")}`), source);
  }
});
