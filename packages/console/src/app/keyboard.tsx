/** One or two keys to everywhere, and a page of them under `?`. Keys without a modifier can be switched off in Settings. */

import { useNavigate } from "@tanstack/react-router";
import { Suspense, lazy, useEffect, useState } from "react";

import { pref } from "../data/prefs.js";
import { PLACES } from "./places.js";

/** Whether a key press is meant for the page and not for what is typed into. */
export function isForPage(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return false;
  if (pref("keys") !== "on") return false;
  const at = event.target;
  if (!(at instanceof HTMLElement)) return true;
  // A dialog or a menu has keys of its own.
  return !at.isContentEditable && !/^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName) && at.closest("[role=dialog],[role=menu],[role=alertdialog]") === null;
}

/** Listens for single keys while a page is shown. */
export function useKeys(keys: Readonly<Record<string, (event: KeyboardEvent) => void>>): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      const act = keys[event.key];
      if (act === undefined || !isForPage(event) || waitsForPlace) return;
      event.preventDefault();
      act(event);
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  });
}

/** `g` was pressed, and the next key names a place. */
let waitsForPlace = false;

const Help = lazy(() => import("./help.js").then((module) => ({ default: module.Help })));

export function Keyboard() {
  // `undefined`: nobody has asked for it yet.
  const [help, setHelp] = useState<boolean>();
  const navigate = useNavigate();
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const pressed = (event: KeyboardEvent): void => {
      if (!isForPage(event)) return;
      if (waitsForPlace) {
        waitsForPlace = false;
        clearTimeout(timer);
        const place = PLACES.find(({ key }) => key === event.key);
        if (place === undefined) return;
        event.preventDefault();
        event.stopImmediatePropagation();
        void navigate({ to: place.to });
      } else if (event.key === "g") {
        waitsForPlace = true;
        timer = setTimeout(() => {
          waitsForPlace = false;
        }, 1_500);
      } else if (event.key === "?") setHelp(true);
      else if (event.key === "/") {
        const filter = document.querySelector<HTMLElement>("[data-filter]");
        if (filter === null) return;
        event.preventDefault();
        filter.focus();
      }
    };
    // Before the keys of pages: after `g`, a key is a place and nothing else.
    addEventListener("keydown", pressed, { capture: true });
    return () => {
      removeEventListener("keydown", pressed, { capture: true });
      clearTimeout(timer);
    };
  }, [navigate]);
  return help === undefined ? null : (
    <Suspense>
      <Help open={help} setOpen={setHelp} />
    </Suspense>
  );
}
