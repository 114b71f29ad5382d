/** What this browser remembers for whoever sits at it. Nothing here is a secret, and nothing here decides anything. */

import { useSyncExternalStore } from "react";

const PREFIX = "cortexpilot.";
const listeners = new Set<() => void>();

/** What is remembered, and what holds until somebody chooses. */
const DEFAULTS = { theme: "system", role: "", keys: "on", auditKey: "", zone: "local" };

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
