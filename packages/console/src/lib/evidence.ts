/** A whole ledger, recomputed here, and the evidence file that others recompute without us (`cortexpilot-evidence/1`). */

import { type Step, chained, hex, leafOf, noteOf, rootOf, rootOver, sha256, signedBy } from "./verify.js";

/** A line as it stands in the file. */
export interface RawLine {
  seq: number;
  line: string | null;
  h: string | null;
}

export interface Checkpoint {
  note: string;
  key: string;
}

const ZEROS = "0".repeat(64);
const encoder = new TextEncoder();

/** Goes through all lines of a file: the chain from the first on, then the tree under the checkpoint, then its signature. */
export async function judgeLedger(
  file: string,
  lines: readonly RawLine[],
  checkpoint: Checkpoint | undefined,
  key: { text: string; noted: boolean } | undefined,
  progress: (done: number) => void,
): Promise<Step[]> {
  const steps: Step[] = [];
  const unread = lines.filter((each) => each.line === null).length;
  let before = ZEROS;
  const legacy: Uint8Array[] = [];
  let broken: string | undefined;
  let linked = 0;
  const leaves: Uint8Array[] = [];
  for (const [at, { seq, line, h }] of lines.entries()) {
    if (at % 500 === 0) {
      progress(at);
      // Lets the page breathe: hashing is quick, fifty thousand of anything is not.
      await new Promise((resolve) => setTimeout(resolve));
    }
    if (line === null) continue;
    leaves.push(await leafOf(line));
    if (h === null && linked === 0) {
      legacy.push(encoder.encode(`${line}\n`));
      continue;
    }
    if (linked === 0 && legacy.length > 0) before = hex(await sha256(...legacy));
    const { says, is } = await chained(line, before);
    if (says !== is) {
      broken ??= `Line ${seq.toLocaleString("en")} does not carry the hash that it must carry behind the line before it.`;
      if (says === undefined) break;
    }
    before = says ?? is;
    linked += 1;
  }
  progress(lines.length);
  const gaps = lines.some((each, at) => each.seq !== at + 1);
  steps.push({
    what: `${file}: ${linked.toLocaleString("en")} lines are chained, each to the one before`,
    holds: broken === undefined && !gaps ? (unread > 0 ? null : true) : false,
    about: broken ?? (gaps ? "Lines are missing between those that came." : unread > 0 ? `${unread} lines of an original ledger cannot be read here.` : `The last hash is ${before.slice(0, 16)}…`),
  });
  if (checkpoint === undefined) {
    steps.push({ what: `${file}: a signed checkpoint covers them`, holds: null, about: "There is no audit key here, so nothing is signed." });
    return steps;
  }
  const note = noteOf(checkpoint.note);
  if (unread > 0 || leaves.length < note.size) {
    steps.push({
      what: `${file}: the first ${note.size.toLocaleString("en")} lines come to the root of the checkpoint`,
      holds: unread > 0 ? null : false,
      about: unread > 0 ? "Not all lines can be read here; the command line can." : `The checkpoint covers ${note.size} lines, and there are ${leaves.length}.`,
    });
  } else {
    const root = hex(await rootOver(leaves.slice(0, note.size)));
    const holds = root === hex(note.root);
    steps.push({
      what: `${file}: the first ${note.size.toLocaleString("en")} lines come to the root of the checkpoint`,
      holds,
      about: holds ? `The root is ${root.slice(0, 16)}…` : "They come to another root.",
    });
  }
  steps.push(await signatureStep(note, key));
  return steps;
}

async function signatureStep(note: ReturnType<typeof noteOf>, key: { text: string; noted: boolean } | undefined): Promise<Step> {
  if (key === undefined) return { what: "The checkpoint is signed", holds: null, about: "No public key is known here." };
  try {
    const signed = await signedBy(note, key.text);
    return {
      what: `The checkpoint is signed by ${key.text.split("+")[0] ?? ""}`,
      holds: signed,
      about:
        signed === null
          ? "This browser knows no Ed25519; the command line does."
          : signed
            ? key.noted
              ? "By the key that you noted."
              : "By the key that came with it. Whether it is the right one, only a key noted elsewhere can say."
            : "The signature is not of this key.",
    };
  } catch {
    return { what: "The checkpoint is signed", holds: false, about: "The key cannot be read: it looks like NAME+ID+BASE64." };
  }
}

/** The public key itself, without the name that it signs under and that name's mark. */
function bytesOf(key: string): string {
  return key.split("+").slice(2).join("+");
}

/** The key to judge by: the noted one where it is the same secret's, which signs each file under a name of its own. */
export function keyFor(named: string, noted: string): { text: string; noted: boolean } {
  return { text: named, noted: noted !== "" && bytesOf(noted) === bytesOf(named) };
}

/** One file's section of an evidence file: the lines that a checkpoint covers. */
export function bundleOf(lines: readonly RawLine[], checkpoint: Checkpoint): string {
  const { size } = noteOf(checkpoint.note);
  const covered = lines.slice(0, size);
  if (covered.length < size || covered.some((each) => each.line === null)) {
    throw new Error("Not all lines under the checkpoint can be read here: export them with `cortexpilot audit export -o FILE`.");
  }
  const head = { format: "cortexpilot-evidence/1", key: checkpoint.key, checkpoint: checkpoint.note, since: null, consistency: [], lines: size, all: true };
  return [JSON.stringify(head), ...covered.map((each, index) => JSON.stringify({ index, line: each.line })), ""].join("\n");
}

/** Judges an evidence file or a receipt that somebody has, with nothing but itself and a noted key. No server is asked. */
export async function judgeFile(content: string, noted: string): Promise<Step[]> {
  const rows = content.split("\n").filter((row) => row.trim() !== "");
  const steps: Step[] = [];
  try {
    for (let at = 0; at < rows.length; ) {
      const head = JSON.parse(rows[at] ?? "") as Record<string, unknown>;
      if (head["format"] === "cortexpilot-receipt/1") {
        const { judge } = await import("./verify.js");
        steps.push(...(await judge(head as never, undefined, noted === "" ? undefined : { text: noted, noted: true })));
        at += 1;
        continue;
      }
      if (head["format"] !== "cortexpilot-evidence/1") throw new Error("A section does not begin where one must.");
      const count = Number(head["lines"]);
      const note = noteOf(String(head["checkpoint"]));
      const named = String(head["key"]);
      const body = rows.slice(at + 1, at + 1 + count);
      if (body.length !== count) throw new Error(`The section of ${note.origin} is cut off: ${body.length} of ${count} lines.`);
      const leaves: Uint8Array[] = [];
      let sound = true;
      for (const [place, row] of body.entries()) {
        const { index, line, line_base64: other, inclusion } = JSON.parse(row) as { index: number; line?: string; line_base64?: string; inclusion?: string[] };
        const bytes = line === undefined ? Uint8Array.from(atob(other ?? ""), (character) => character.charCodeAt(0)) : encoder.encode(line);
        const leaf = await sha256(Uint8Array.of(0), bytes);
        if (head["all"] === true) {
          sound &&= index === place;
          leaves.push(leaf);
        } else {
          const root = await rootOf(leaf, index, note.size, (inclusion ?? []).map((text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))));
          sound &&= root !== undefined && hex(root) === hex(note.root);
        }
      }
      if (head["all"] === true) sound &&= leaves.length === note.size && hex(await rootOver(leaves)) === hex(note.root);
      steps.push({
        what: `${note.origin}: ${head["all"] === true ? `all ${count}` : String(count)} lines come to the checkpoint’s root`,
        holds: sound,
        about: sound ? `The root is ${hex(note.root).slice(0, 16)}…` : "They come to another root: something in the file was changed.",
      });
      steps.push(await signatureStep(note, keyFor(named, noted)));
      at += 1 + count;
    }
  } catch (caught) {
    steps.push({ what: "The file can be read", holds: false, about: caught instanceof Error ? caught.message : String(caught) });
  }
  if (steps.length === 0) steps.push({ what: "There is evidence in the file", holds: false, about: "It is empty." });
  return steps;
}
