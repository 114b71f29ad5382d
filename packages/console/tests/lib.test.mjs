/** What needs no screen: hidden characters, differences, the tree of RFC 6962, evidence. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

import { build } from "esbuild";

const SRC = fileURLToPath(new URL("../src", import.meta.url));
let out;
let lib;

before(async () => {
  out = mkdtempSync(join(tmpdir(), "cortexpilot-console-"));
  await build({
    stdin: {
      contents: ["text", "diff", "verify", "evidence", "views", "turns"].map((name) => `export * as ${name} from "./lib/${name}.ts";`).join("\n"),
      resolveDir: SRC,
      loader: "ts",
    },
    bundle: true,
    format: "esm",
    platform: "node",
    outfile: join(out, "lib.mjs"),
    logLevel: "error",
  });
  lib = await import(pathToFileURL(join(out, "lib.mjs")).href);
});

after(() => rmSync(out, { recursive: true, force: true }));

const shown = (text) => lib.text.pieces(text).map(({ text: piece, escaped }) => (escaped ? `[${piece}]` : piece)).join("");

test("what acts on text or hides in it is written out, and nothing of it is lost", () => {
  for (const [given, expected] of [
    ["plain", "plain"],
    ["", ""],
    ["two\nlines\tand a tab", "two\nlines\tand a tab"],
    ["a\u202eb\u202cc", "a[U+202E]b[U+202C]c"],
    ["a\u2066b\u2069", "a[U+2066]b[U+2069]"],
    ["a\u061cb", "a[U+061C]b"],
    ["zero\u200bwidth\u2060\ufeff", "zero[U+200B]width[U+2060][U+FEFF]"],
    ["so\u00adft", "so[U+00AD]ft"],
    ["bell\u0007\u0000\u007f\u0085", "bell[U+0007][U+0000][U+007F][U+0085]"],
    ["line\u2028par\u2029", "line[U+2028]par[U+2029]"],
    ["tag\u{e0041}s", "tag[U+E0041]s"],
    ["half\ud800pair", "half[U+D800]pair"],
    ["\u05e9\u05dc\u05d5\u05dd", "\u05e9\u05dc\u05d5\u05dd"],
    ["e\u0301 is one letter", "e\u0301 is one letter"],
    [`Z${"\u0300".repeat(9)}algo`, `Z${"\u0300".repeat(4)}[+5 marks]algo`],
    ["<b>&amp;", "<b>&amp;"],
    ["\u{1f600}", "\u{1f600}"],
  ]) {
    assert.equal(shown(given), expected);
  }
});

test("a stated text is refused here for what the record refuses", () => {
  const problem = (text, max = 20) => lib.text.problemOfStated(text, max, "The reason");
  assert.equal(problem("rerun after the fix"), undefined);
  assert.equal(problem("\u05e9\u05dc\u05d5\u05dd"), undefined);
  for (const text of ["", "   ", "x".repeat(21), "a\u202eb", "a\u200bb", "a\u2028b", "two\nlines", "a\u0000", "e\u0301"]) {
    assert.notEqual(problem(text), undefined, JSON.stringify(text));
  }
});

test("an argument for a shell is one argument, whatever it holds", () => {
  assert.equal(lib.text.quoted("plain-1.2_x/y"), "plain-1.2_x/y");
  assert.equal(lib.text.quoted("it's; rm -rf $HOME `x`"), `'it'\\''s; rm -rf $HOME \`x\`'`);
  assert.equal(lib.text.quoted(""), "''");
});

test("two texts differ by words, and each side puts together to the text it was", () => {
  const both = (was, now) => {
    const changes = lib.diff.words(was, now);
    const side = (skip) => changes.filter(({ kind }) => kind !== skip).map(({ text }) => text).join("");
    assert.equal(side("added"), was);
    assert.equal(side("removed"), now);
    return changes.map(({ kind, text }) => `${kind[0]}${text}`);
  };
  assert.deepEqual(both("0", "5"), ["r0", "a5"]);
  assert.deepEqual(both("docs, tests", "docs, src"), ["sdocs, ", "rtests", "asrc"]);
  assert.deepEqual(both("", "x"), ["ax"]);
  both("a b c ".repeat(700), "a c b ".repeat(700));
});

test("a unified diff is read line by line, also where a hunk promises more than it has", () => {
  const kinds = (diff) => lib.diff.unified(diff).map(({ kind, was, now }) => `${kind}${was ?? ""}/${now ?? ""}`);
  assert.deepEqual(kinds("--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n"), ["file/", "file/", "hunk/", "same1/1", "removed2/", "added/2"]);
  assert.deepEqual(kinds("--- a/x\n+++ b/x\n@@ -1,9 +1,9 @@\n a\n--- a/y\n+++ b/y\n@@ -1 +1 @@\n-b\n+c\n"), [
    "file/", "file/", "hunk/", "same1/1", "file/", "file/", "hunk/", "removed1/", "added/1",
  ]);
  // A removed line that begins like a header is a removed line.
  assert.deepEqual(kinds("@@ -1,1 +1,1 @@\n--- x\n+y\n"), ["hunk/", "removed1/", "added/1"]);
});

const sha = (...parts) => new Uint8Array(createHash("sha256").update(Buffer.concat(parts)).digest());
/** RFC 6962 as it is written, to hold the other against. */
function tree(leaves) {
  if (leaves.length === 1) return leaves[0];
  let cut = 1;
  while (cut * 2 < leaves.length) cut *= 2;
  return sha(Uint8Array.of(1), tree(leaves.slice(0, cut)), tree(leaves.slice(cut)));
}
function path(at, leaves) {
  if (leaves.length === 1) return [];
  let cut = 1;
  while (cut * 2 < leaves.length) cut *= 2;
  return at < cut ? [...path(at, leaves.slice(0, cut)), tree(leaves.slice(cut))] : [...path(at - cut, leaves.slice(cut)), tree(leaves.slice(0, cut))];
}

test("every inclusion proof of every tree up to 40 lines leads to its root, and with anything changed to no root", async () => {
  const { rootOf, rootOver, hex } = lib.verify;
  for (let size = 1; size <= 40; size += 1) {
    const leaves = Array.from({ length: size }, (_, at) => sha(Uint8Array.of(0), Buffer.from(`line ${at}`)));
    const root = hex(tree(leaves));
    assert.equal(hex(await rootOver(leaves)), root);
    for (let at = 0; at < size; at += 1) {
      const proof = path(at, leaves);
      const led = async (leaf, index, of, siblings) => {
        const found = await rootOf(leaf, index, of, siblings);
        return found === undefined ? "" : hex(found);
      };
      assert.equal(await led(leaves[at], at, size, proof), root, `${at} of ${size}`);
      assert.notEqual(await led(sha(leaves[at]), at, size, proof), root);
      assert.notEqual(await led(leaves[at], at, size, [...proof, leaves[at]]), root, "a hash too many");
      if (proof.length > 0) {
        assert.notEqual(await led(leaves[at], at, size, proof.slice(1)), root, "a hash too few");
        assert.notEqual(await led(leaves[at], at, size, proof.map((each, place) => (place === 0 ? sha(each) : each))), root);
      }
      assert.equal(await led(leaves[at], size, size, proof), "", "a line that is not there");
    }
  }
  assert.equal(hex(await rootOver([])), createHash("sha256").digest("hex"));
});

test("a chain is followed from the first line, behind lines of an original too, and a changed, missing or moved line breaks it", async () => {
  const legacy = ['{"event": "QUEUE_ENQUEUE", "task_id": "old"}', ""];
  const make = (before, bodies) => {
    let h = before;
    return bodies.map((body) => {
      h = createHash("sha256").update(h).update(body).digest("hex");
      return { line: `${body}, "h": "${h}"}`, h };
    });
  };
  const prefix = createHash("sha256").update(legacy.map((line) => `${line}\n`).join("")).digest("hex");
  const bodies = ['{"event": "A", "reason": ", \\"h\\": \\"x\\""', '{"event": "B"', '{"event": "C"'];
  const numbered = (lines) => lines.map((each, at) => ({ seq: at + 1, ...each }));
  const good = [make("0".repeat(64), bodies), [...legacy.map((line) => ({ line, h: null })), ...make(prefix, bodies)]];
  const judged = async (lines) => (await lib.evidence.judgeLedger("queue.jsonl", lines, undefined, undefined, () => {}))[0].holds;
  for (const lines of good) {
    assert.equal(await judged(numbered(lines)), true);
    assert.equal(await judged(numbered(lines).map((each) => (each.line.includes('"B"') ? { ...each, line: each.line.replace('"B"', '"D"') } : each))), false);
    assert.equal(await judged(numbered(lines).filter((each) => !each.line.includes('"B"'))), false);
    assert.equal(await judged(numbered(lines.filter((each) => !each.line.includes('"B"')))), false);
    assert.equal(await judged(numbered([...lines.slice(0, -2), lines.at(-1), lines.at(-2)])), false);
  }
});

test("a file that is no evidence is said to be none, and never sound", async () => {
  for (const content of ["", "{}", "not json", '{"format":"cortexpilot-evidence/1"}', '{"format":"cortexpilot-receipt/1","checkpoint":"x"}']) {
    const steps = await lib.evidence.judgeFile(content, "");
    assert.ok(steps.some((step) => step.holds === false), content);
  }
});

test("items stand in the order of claiming: priority, then the moment, then the order of queueing", () => {
  const item = (queue_id, priority, scheduled_at = "") => ({ queue_id, priority, scheduled_at, deadline_at: "" });
  const items = [item("a", 0), item("b", 5, "2026-01-01T10:00:00+02:00"), item("c", 5), item("d", 0), item("e", 5, "2026-01-01T09:00:00Z")];
  assert.deepEqual(lib.views.sorted(items, "claim").map((each) => each.queue_id), ["c", "b", "e", "a", "d"]);
});

test("the server's counts fall into the same views as items do", () => {
  const status = { PENDING: 3, CLAIMED: 1, LOST: 1, DEAD_LETTER: 2, SUCCESS: 4, DONE: 1, FAILURE: 5, STOPPED: 6, CANCELLED: 7, EXPIRED: 8, SOMETHING_NEW: 9 };
  const counts = { total: 47, by_state: { eligible: 2, waiting: 1, claimed: 1, held: 3, closed: 40 }, by_status: status };
  const items = Object.entries(status).flatMap(([name, count]) => Array.from({ length: count }, (_, at) => ({ status: name, queue_state: name === "PENDING" ? (at === 0 ? "waiting" : "eligible") : "closed" })));
  for (const view of lib.views.VIEWS) {
    assert.equal(lib.views.countedIn(view.id, counts), items.filter(view.has).length, view.id);
  }
});

test("time alone makes items ready and late: the next such moment is known, and nothing is asked for that cannot change", () => {
  const now = Date.UTC(2026, 0, 1, 12);
  const after = (ms) => new Date(now + ms).toISOString();
  const item = (queue_id, rest) => ({ queue_id, status: "PENDING", queue_state: "eligible", sla_state: "on_track", scheduled_at: "", deadline_at: "", completed_at: "", cancelled_at: "", ...rest });
  const turn = (...items) => lib.turns.nextTurn(items, now);
  assert.equal(turn(item("a", {})), undefined);
  assert.equal(turn(item("a", { deadline_at: after(5_000), completed_at: after(-1) })), undefined, "what is over does not change");
  assert.equal(turn(item("a", { queue_state: "claimed", sla_state: "in_progress", deadline_at: after(60_000) })), undefined, "work in progress is judged when it ends");
  const soon = turn(item("a", { queue_state: "waiting", sla_state: "scheduled", scheduled_at: after(60_000) }), item("b", { deadline_at: after(7_200_000) }));
  assert.deepEqual(soon.ids, ["a"]);
  assert.ok(soon.inMs > 60_000 && soon.inMs < 65_000, String(soon.inMs));
  const rests = turn(item("a", { queue_state: "waiting", not_before: after(9_000), scheduled_at: after(-9_000) }));
  assert.ok(rests.inMs > 9_000 && rests.inMs < 14_000, "the later of two moments");
  const risk = turn(item("b", { deadline_at: after(3_600_000 + 30_000) }));
  assert.ok(risk.inMs > 30_000 && risk.inMs < 35_000, "an hour before its deadline an item is at risk");
  assert.deepEqual(turn(item("a", { queue_state: "waiting", scheduled_at: after(-5_000) })).ids, ["a"], "one that should have turned is asked for");
  const many = turn(...Array.from({ length: 900 }, (_, at) => item(String(at), { deadline_at: after(4_000_000) })));
  assert.equal(many.ids.length, 200, "and the rest at the next turn");
});
