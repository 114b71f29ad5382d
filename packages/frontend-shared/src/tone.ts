/** Colours by meaning. Every pair of text and ground has a contrast of at least 4.5 (WCAG 2.2, 1.4.3); a test computes it. */

/**
 * What a colour says. Never the only thing that says it: every state has a label and a mark too.
 *
 * - `neutral`: nothing to do, nothing wrong
 * - `waiting`: it will go on by itself
 * - `active`: it is going on
 * - `good`: it ended well, or is as it should be
 * - `attention`: a person should look
 * - `bad`: it failed, or is refused
 */
export type Tone = "neutral" | "waiting" | "active" | "good" | "attention" | "bad";

/** Every tone. */
export const TONES: readonly Tone[] = ["neutral", "waiting", "active", "good", "attention", "bad"];

/** The colours of one tone on one ground. */
export interface Colours {
  /** Text, on `ground` and on the page alike. */
  text: string;
  /** Behind the text: of a badge, a row, a notice. */
  ground: string;
  /** Around the ground; at least 3 against the page (WCAG 2.2, 1.4.11). */
  edge: string;
}

/** A screen's two themes. */
export type Theme = "light" | "dark";

/** The page that the colours are made for. */
export const PAGE: Readonly<Record<Theme, { text: string; ground: string }>> = {
  light: { text: "#1b1f24", ground: "#ffffff" },
  dark: { text: "#e6e9ed", ground: "#12161b" },
};

/** The colours of every tone. */
export const COLOURS: Readonly<Record<Theme, Readonly<Record<Tone, Colours>>>> = {
  light: {
    neutral: { text: "#4b5563", ground: "#f1f3f5", edge: "#7b8490" },
    waiting: { text: "#3f4f8f", ground: "#eef0fb", edge: "#6f7fc0" },
    active: { text: "#0b5cad", ground: "#e7f1fb", edge: "#3d86cf" },
    good: { text: "#17653a", ground: "#e6f4ea", edge: "#3d8f5f" },
    attention: { text: "#7a4a00", ground: "#fff4da", edge: "#a8741a" },
    bad: { text: "#a3201d", ground: "#fdecea", edge: "#cf5450" },
  },
  dark: {
    neutral: { text: "#b4bcc6", ground: "#232a32", edge: "#76808c" },
    waiting: { text: "#b3bdf5", ground: "#232744", edge: "#7480c4" },
    active: { text: "#8cc4ff", ground: "#12304d", edge: "#4a8fd0" },
    good: { text: "#86d9a4", ground: "#133422", edge: "#4a9a6b" },
    attention: { text: "#f2c66d", ground: "#3b2c0c", edge: "#b0842f" },
    bad: { text: "#ffaaa5", ground: "#471a1a", edge: "#cf6661" },
  },
};

/** A mark for each tone, so that no state is told by colour alone. */
export const MARKS: Readonly<Record<Tone, string>> = {
  neutral: "·",
  waiting: "○",
  active: "◐",
  good: "✓",
  attention: "!",
  bad: "✕",
};

/** The contrast of two colours written as `#rrggbb` (WCAG 2.2): 1, the same, to 21, black on white. */
export function contrast(one: string, other: string): number {
  const [lighter, darker] = [luminance(one), luminance(other)].sort((a, b) => b - a) as [number, number];
  return (lighter + 0.05) / (darker + 0.05);
}

function luminance(colour: string): number {
  const match = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(colour);
  if (match === null) throw new TypeError("a colour is written as #rrggbb");
  const [red, green, blue] = match.slice(1).map((pair) => {
    const part = Number.parseInt(pair, 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/**
 * The colours as custom properties of CSS: `--cortexpilot-good-text`, `-ground`, `-edge` and so on, light by default and dark where the
 * reader prefers it or where an ancestor has `data-theme`.
 */
export function themeCss(): string {
  const rules = (theme: Theme): string =>
    [
      `--cortexpilot-page-text: ${PAGE[theme].text};`,
      `--cortexpilot-page-ground: ${PAGE[theme].ground};`,
      ...TONES.flatMap((tone) =>
        (["text", "ground", "edge"] as const).map((part) => `--cortexpilot-${tone}-${part}: ${COLOURS[theme][tone][part]};`),
      ),
    ].join(" ");
  return [
    `:root, [data-theme="light"] { color-scheme: light; ${rules("light")} }`,
    `@media (prefers-color-scheme: dark) { :root:not([data-theme="light"]) { color-scheme: dark; ${rules("dark")} } }`,
    `[data-theme="dark"] { color-scheme: dark; ${rules("dark")} }`,
    "",
  ].join("\n");
}
