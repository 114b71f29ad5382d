/**
 * Recomputes what a receipt claims, in this browser: RFC 6962 inclusion, the checkpoint's Ed25519 signature (C2SP signed-note), and the
 * chain in the ledger's lines. Nothing here asks the server whether it is right.
 */

import type { Receipt } from "../data/client.js";

/** What was looked at, and what came of it. */
export interface Step {
  /** What holds, or would. */
  what: string;
  /** `true`: proved here; `false`: it does not hold; `null`: could not be looked at. */
  holds: boolean | null;
  /** Why, or how far it goes. */
  about: string;
}

export interface Note {
  origin: string;
  size: number;
  root: Uint8Array;
  /** What is signed. */
  signed: Uint8Array;
  signatures: { name: string; id: string; bytes: Uint8Array }[];
}

const encoder = new TextEncoder();

export async function sha256(...parts: readonly Uint8Array[]): Promise<Uint8Array> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", all));
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function unhex(text: string): Uint8Array<ArrayBuffer> {
  if (!/^(?:[0-9a-f]{2})*$/.test(text)) throw new TypeError("not hexadecimal");
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function unbase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** The hash of a line as a leaf. */
export function leafOf(line: string): Promise<Uint8Array> {
  return sha256(LEAF, encoder.encode(line));
}

/** The root that a leaf at `index` of `size` and its siblings lead to; `undefined` where they cannot be right. */
export async function rootOf(leaf: Uint8Array, index: number, size: number, inclusion: readonly Uint8Array[]): Promise<Uint8Array | undefined> {
  if (!(index >= 0 && index < size)) return undefined;
  let at = index;
  let last = size - 1;
  let node = leaf;
  for (const other of inclusion) {
    // No sibling at this height: the node goes up alone.
    while (at === last && at % 2 === 0 && last > 0) [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
    if (last === 0) return undefined;
    node = at % 2 === 1 ? await sha256(NODE, other, node) : await sha256(NODE, node, other);
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  // What is left of the way up has no siblings either.
  while (at === last && last > 0 && at % 2 === 0) [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  return last === 0 ? node : undefined;
}

/** The root over all leaves. */
export async function rootOver(leaves: readonly Uint8Array[]): Promise<Uint8Array> {
  if (leaves.length === 0) return sha256();
  let level = [...leaves];
  while (level.length > 1) {
    const next: Uint8Array[] = [];
    for (let at = 0; at < level.length; at += 2) {
      const left = level[at] as Uint8Array;
      const right = level[at + 1];
      // An odd one at the end is carried up as it is, which is what RFC 6962's largest power of two comes to.
      next.push(right === undefined ? left : await sha256(NODE, left, right));
    }
    level = next;
  }
  return level[0] as Uint8Array;
}

/** Reads a signed note. */
export function noteOf(checkpoint: string): Note {
  const cut = checkpoint.lastIndexOf("\n\n");
  if (cut < 0) throw new TypeError("no signed note: there is no empty line");
  const body = checkpoint.slice(0, cut + 1);
  const [origin = "", size = "", root = ""] = body.split("\n");
  if (!/^\d+$/.test(size)) throw new TypeError("no checkpoint: the second line is no number");
  const signatures = checkpoint
    .slice(cut + 2)
    .split("\n")
    .filter((line) => line.startsWith("\u2014 "))
    .map((line) => {
      const [, name = "", blob = ""] = line.split(" ");
      const bytes = unbase64(blob);
      return { name, id: hex(bytes.slice(0, 4)), bytes: bytes.slice(4) };
    });
  return { origin, size: Number(size), root: unbase64(root), signed: encoder.encode(body), signatures };
}

/** Whether a note is signed by the key `NAME+ID+BASE64`. `null`: this browser knows no Ed25519. */
export async function signedBy(note: Note, verifier: string): Promise<boolean | null> {
  const [name, id, ...rest] = verifier.trim().split("+");
  const blob = unbase64(rest.join("+"));
  if (blob[0] !== 1 || blob.length !== 33) throw new TypeError("no Ed25519 key");
  const given = hex((await sha256(encoder.encode(`${name}\n`), blob)).slice(0, 4));
  if (given !== id) return false;
  const signature = note.signatures.find((each) => each.name === name && each.id === id);
  if (signature === undefined) return false;
  try {
    const key = await crypto.subtle.importKey("raw", blob.slice(1), { name: "Ed25519" }, false, ["verify"]);
    return await crypto.subtle.verify({ name: "Ed25519" }, key, signature.bytes as BufferSource, note.signed as BufferSource);
  } catch (caught) {
    if (caught instanceof DOMException && caught.name === "NotSupportedError") return null;
    throw caught;
  }
}

/** The hash that a line carries, and the one that it must carry behind `before`. */
export async function chained(line: string, before: string): Promise<{ says: string | undefined; is: string }> {
  const cut = line.lastIndexOf(', "h": "');
  const says = cut < 0 ? undefined : /^, "h": "([0-9a-f]{64})"\}$/.exec(line.slice(cut))?.[1];
  const is = hex(await sha256(encoder.encode(before), encoder.encode(cut < 0 ? line : line.slice(0, cut))));
  return { says, is };
}

/** Whether this page may compute at all: a page over plain HTTP from another machine has no WebCrypto. */
export function canVerify(): boolean {
  return globalThis.crypto?.subtle !== undefined;
}

/**
 * Judges a receipt against the line that it is about, as it stands in the file. `key` is the public key that somebody noted; without
 * one the server's own is taken, and that is said.
 */
export async function judge(receipt: Receipt, line: string | undefined, key: { text: string; noted: boolean } | undefined): Promise<Step[]> {
  const steps: Step[] = [];
  let note: Note;
  try {
    note = noteOf(receipt.checkpoint);
  } catch (caught) {
    return [{ what: "The checkpoint can be read", holds: false, about: caught instanceof Error ? caught.message : "" }];
  }
  if (line !== undefined) {
    const leaf = hex(await leafOf(line));
    steps.push({
      what: "The line that you see is the line of the receipt",
      holds: leaf === receipt.leaf_hash,
      about: leaf === receipt.leaf_hash ? `Its SHA-256 as a leaf is ${leaf.slice(0, 16)}…` : "The SHA-256 of this line is another one.",
    });
  }
  const root = await rootOf(unhex(receipt.leaf_hash), receipt.index, note.size, receipt.inclusion.map(unhex));
  const holds = root !== undefined && hex(root) === hex(note.root);
  steps.push({
    what: `Line ${(receipt.index + 1).toLocaleString("en")} is one of the ${note.size.toLocaleString("en")} lines under the checkpoint`,
    holds,
    about: holds
      ? `${receipt.inclusion.length} hashes lead from it to the root ${hex(note.root).slice(0, 16)}…`
      : "The hashes lead to another root.",
  });
  if (key === undefined) {
    steps.push({ what: "The checkpoint is signed", holds: null, about: "No public key is known here. Paste the one that was noted when the key was made." });
  } else {
    try {
      const signed = await signedBy(note, key.text);
      steps.push({
        what: `The checkpoint is signed by ${key.text.split("+")[0] ?? ""}`,
        holds: signed,
        about:
          signed === null
            ? "This browser knows no Ed25519; the command line does."
            : signed
              ? key.noted
                ? "By the key that you noted."
                : "By the key that this server names. Whether it is yours, only a key noted elsewhere can say."
              : "The signature is not of this key.",
      });
    } catch {
      steps.push({ what: "The checkpoint is signed", holds: false, about: "The key cannot be read: it looks like NAME+ID+BASE64." });
    }
  }
  return steps;
}
