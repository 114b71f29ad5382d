/** What this browser remembers for whoever sits at it. Nothing here is a secret, and nothing here decides anything. */

import { useSyncExternalStore } from "react";

const PREFIX = "cortexpilot.";
const listeners = new Set<() => void>();

/** What is remembered, and what holds until somebody chooses. */
const DEFAULTS = { theme: "system", role: "", keys: "on", auditKey: "", zone: "local", verified: "" };

export type Pref = keyof typeof DEFAULTS;

/** What holds. */
export function pref(name: Pref): string {
  try {
    return localStorage.getItem(PREFIX + name) ?? DEFAULTS[name];
  } catch {
    return DEFAULTS[name];
  }
}

/** Remembers it, where this browser lets a page remember. */
export function setPref(name: Pref, value: string): void {
  try {
    if (value === DEFAULTS[name]) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, value);
  } catch {
    // A private window may refuse: then it holds until the page is left.
  }
  if (name === "theme") {
    if (value === "system") document.documentElement.removeAttribute("data-theme");
    else document.documentElement.setAttribute("data-theme", value);
  }
  for (const listener of listeners) listener();
}

/** What holds, and goes on holding. */
export function usePref(name: Pref): string {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => pref(name),
  );
}

/** What was last recomputed in this browser: how many lines of the ledger, when, and whether they held. */
export interface Verified {
  lines: number;
  at: string;
  holds: boolean;
}

/** Reads it; `undefined` where nothing was, or what stands there is of somebody else. */
export function verifiedOf(text: string): Verified | undefined {
  try {
    const found = JSON.parse(text) as Partial<Verified> | null;
    const whole = typeof found?.lines === "number" && typeof found.at === "string" && typeof found.holds === "boolean";
    return whole ? (found as Verified) : undefined;
  } catch {
    return undefined;
  }
}
