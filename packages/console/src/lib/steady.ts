/** Lists that do not move under a hand: while a pointer or the focus is in them, what is new waits until it is asked for. */

import { useCallback, useRef, useState } from "react";

export interface Steady<T> {
  shown: readonly T[];
  /** How many rows wait. */
  fresh: number;
  /** Shows them. */
  release: () => void;
  /** For the element around the list. */
  hands: {
    onPointerEnter: () => void;
    onPointerLeave: () => void;
    onFocus: () => void;
    onBlur: (event: React.FocusEvent) => void;
  };
}

/**
 * `rows` as they are, or, while somebody is in the list, the rows that were there with what is known of them now. `all` finds a row that
 * has left the view; `scope` names what is looked at: another view begins anew.
 */
export function useSteady<T>(rows: readonly T[], keyOf: (row: T) => string, all: (key: string) => T | undefined, scope: string): Steady<T> {
  const [pointer, setPointer] = useState(false);
  const [focus, setFocus] = useState(false);
  const [, redraw] = useState(0);
  const kept = useRef<{ scope: string; keys: string[]; known: Set<string> }>({ scope: "", keys: [], known: new Set() });
  const inside = pointer || focus;
  if (!inside || kept.current.scope !== scope || kept.current.keys.length === 0) {
    const keys = rows.map(keyOf);
    kept.current = { scope, keys, known: new Set(keys) };
  }
  const { keys, known } = kept.current;
  const fresh = inside ? rows.reduce((count, row) => count + (known.has(keyOf(row)) ? 0 : 1), 0) : 0;
  const shown = inside ? keys.map(all).filter((row): row is T => row !== undefined) : rows;
  const release = useCallback(() => {
    kept.current = { scope: "", keys: [], known: new Set() };
    redraw((was) => was + 1);
  }, []);
  return {
    shown,
    fresh,
    release,
    hands: {
      onPointerEnter: () => setPointer(true),
      onPointerLeave: () => setPointer(false),
      onFocus: () => setFocus(true),
      onBlur: (event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) setFocus(false);
      },
    },
  };
}
