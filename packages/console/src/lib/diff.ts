/** Differences: of two short texts word by word, and of a unified diff line by line. */

/** A piece that both have, or one has. */
export interface Change {
  kind: "same" | "removed" | "added";
  text: string;
}

/** Beyond this many words on either side, whole texts stand against each other: the table below grows with their product. */
const WORDS_MAX = 600;

/** What turns one text into the other, by words and the space between them. */
export function words(was: string, now: string): Change[] {
  if (was === now) return was === "" ? [] : [{ kind: "same", text: was }];
  const before = split(was);
  const after = split(now);
  if (before.length > WORDS_MAX || after.length > WORDS_MAX) return whole(was, now);
  const wide = after.length + 1;
  const table = new Uint16Array((before.length + 1) * wide);
  for (let at = before.length - 1; at >= 0; at -= 1) {
    for (let to = after.length - 1; to >= 0; to -= 1) {
      table[at * wide + to] =
        before[at] === after[to]
          ? (table[(at + 1) * wide + to + 1] ?? 0) + 1
          : Math.max(table[(at + 1) * wide + to] ?? 0, table[at * wide + to + 1] ?? 0);
    }
  }
  const changes: Change[] = [];
  const push = (kind: Change["kind"], text: string): void => {
    const last = changes.at(-1);
    if (last?.kind === kind) last.text += text;
    else changes.push({ kind, text });
  };
  let at = 0;
  let to = 0;
  while (at < before.length && to < after.length) {
    if (before[at] === after[to]) {
      push("same", before[at] as string);
      at += 1;
      to += 1;
    } else if ((table[(at + 1) * wide + to] ?? 0) >= (table[at * wide + to + 1] ?? 0)) {
      push("removed", before[at] as string);
      at += 1;
    } else {
      push("added", after[to] as string);
      to += 1;
    }
  }
  while (at < before.length) push("removed", before[at++] as string);
  while (to < after.length) push("added", after[to++] as string);
  return changes;
}

function split(text: string): string[] {
  return text.match(/\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu) ?? [];
}

function whole(was: string, now: string): Change[] {
  const changes: Change[] = [];
  if (was !== "") changes.push({ kind: "removed", text: was });
  if (now !== "") changes.push({ kind: "added", text: now });
  return changes;
}

/** A line of a unified diff. */
export interface DiffLine {
  kind: "file" | "hunk" | "same" | "added" | "removed" | "other";
  text: string;
  was?: number;
  now?: number;
}

/** Reads a unified diff. Lines that are none are kept as they are: nothing of what a run changed is left out. */
export function unified(diff: string): DiffLine[] {
  const lines: DiffLine[] = [];
  let was = 0;
  let now = 0;
  let wasLeft = 0;
  let nowLeft = 0;
  const all = diff.replace(/\n$/, "").split("\n");
  for (const [at, text] of all.entries()) {
    const hunk = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/.exec(text);
    if (hunk !== null) {
      was = Number(hunk[1]);
      now = Number(hunk[3]);
      wasLeft = Number(hunk[2] ?? 1);
      nowLeft = Number(hunk[4] ?? 1);
      lines.push({ kind: "hunk", text });
    } else if (/^--- /.test(text) && /^\+\+\+ /.test(all[at + 1] ?? "") && /^@@ /.test(all[at + 2] ?? "")) {
      // The next file, also where a hunk before it promised more lines than it had.
      wasLeft = 0;
      nowLeft = 0;
      lines.push({ kind: "file", text });
    } else if (wasLeft > 0 && text.startsWith("-")) {
      lines.push({ kind: "removed", text: text.slice(1), was });
      was += 1;
      wasLeft -= 1;
    } else if (nowLeft > 0 && text.startsWith("+")) {
      lines.push({ kind: "added", text: text.slice(1), now });
      now += 1;
      nowLeft -= 1;
    } else if ((wasLeft > 0 || nowLeft > 0) && (text.startsWith(" ") || text === "")) {
      lines.push({ kind: "same", text: text.slice(1), was, now });
      was += 1;
      now += 1;
      wasLeft -= 1;
      nowLeft -= 1;
    } else if (/^(diff |--- |\+\+\+ )/.test(text)) lines.push({ kind: "file", text });
    else lines.push({ kind: "other", text });
  }
  return lines;
}
