/** Menus open within the landmark or dialog that they belong to: outside of all of them, nobody who goes by landmarks finds them. */

import { type RefObject, useCallback, useRef } from "react";

/** Where to open, and the ref for the button that opens. */
export function useNear(): [near: RefObject<HTMLElement | null>, trigger: (element: HTMLElement | null) => void] {
  const near = useRef<HTMLElement | null>(null);
  const trigger = useCallback((element: HTMLElement | null) => {
    if (element !== null) near.current = element.closest<HTMLElement>("[role=dialog],header,main") ?? document.body;
  }, []);
  return [near, trigger];
}
