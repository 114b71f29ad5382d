/** Text that others wrote: what in it would act on the page or hide is written out, so that it can be seen and does nothing. */

/** A piece of text as it stands, or one character (or several) written out. */
export type Piece = { text: string; escaped: boolean };

/** Combining marks in a row beyond which the rest is counted instead of stacked: no script needs more on one letter. */
const MARKS_MAX = 4;

/**
 * Splits a text into what can be shown and what must be written out: control characters but line break and tab, marks that turn the
 * direction of text, characters without width, line and paragraph separators, characters of no meaning here, halves of pairs, and
 * stacks of combining marks.
 */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let plain = "";
  let marks = 0;
  let dropped = 0;
  const write = (escaped: string): void => {
    if (plain !== "") found.push({ text: plain, escaped: false });
    plain = "";
    found.push({ text: escaped, escaped: true });
  };
  const settle = (): void => {
    if (dropped > 0) write(`+${dropped} marks`);
    dropped = 0;
    marks = 0;
  };
  for (const character of text) {
    if (COMBINING.test(character)) {
      marks += 1;
      if (marks > MARKS_MAX) dropped += 1;
      else plain += character;
      continue;
    }
    settle();
    const code = character.codePointAt(0) ?? 0;
    if (isHidden(code)) write(`U+${code.toString(16).toUpperCase().padStart(4, "0")}`);
    else plain += character;
  }
  settle();
  if (plain !== "") found.push({ text: plain, escaped: false });
  return found;
}

const COMBINING = /^\p{M}$/u;

/** Whether a character acts on text or hides in it instead of being seen. */
function isHidden(code: number): boolean {
  if (code === 0x0a || code === 0x09) return false;
  return (
    code < 0x20 ||
    (code >= 0x7f && code <= 0x9f) ||
    code === 0xad ||
    code === 0x061c ||
    code === 0x180e ||
    (code >= 0x200b && code <= 0x200f) ||
    (code >= 0x2028 && code <= 0x202e) ||
    (code >= 0x2060 && code <= 0x206f) ||
    code === 0xfeff ||
    (code >= 0xfff0 && code <= 0xfffb) ||
    (code >= 0xd800 && code <= 0xdfff) ||
    (code >= 0xe0000 && code <= 0xe0fff)
  );
}

/** What the record takes as a stated text; what is wrong with it in a sentence, `undefined` where nothing is. */
export function problemOfStated(text: string, max: number, name: string): string | undefined {
  if (text.trim() === "") return `${name} is empty.`;
  if ([...text].length > max) return `${name} is longer than ${max.toLocaleString("en")} characters.`;
  if (text.normalize("NFC") !== text) return `${name} holds characters in an unusual form; type it anew.`;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code === 0x0a || code === 0x09 || code === 0x0d) return `${name} must be one line: the record keeps it as one.`;
    if (isHidden(code)) return `${name} holds a hidden character (U+${code.toString(16).toUpperCase().padStart(4, "0")}).`;
  }
  return undefined;
}

/** A text for a shell, so that it is one argument and nothing else. */
export function quoted(text: string): string {
  return /^[A-Za-z0-9_./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The end of an id that people compare, as the words of a console say it: a date and a hash have their difference there. */
export function tailOf(id: string, length = 6): string {
  return id.slice(-length);
}

/** A principal without its kind: `alice` of `operator:alice`. */
export function nameOf(principal: string): string {
  const at = principal.indexOf(":");
  return at < 0 ? principal : principal.slice(at + 1);
}

/** JSON for people. Never throws: what cannot be written is said. */
export function json(value: unknown): string {
  try {
    return JSON.stringify(value, undefined, 2) ?? "undefined";
  } catch {
    return "(cannot be written as JSON)";
  }
}

/** An object, where it is one. */
export function record(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
}

/** A text, where it is one and not empty. */
export function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
