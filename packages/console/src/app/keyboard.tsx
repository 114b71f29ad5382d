/** One or two keys to everywhere, and a page of them under `?`. Keys without a modifier can be switched off in Settings. */

import { Dialog } from "@base-ui/react/dialog";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";

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

const ROWS: readonly (readonly [keys: string, what: string])[] = [
  ...PLACES.map((place) => [`g ${place.key}`, `Go to ${place.label}`] as const),
  ["j / k", "Next / previous row"],
  ["Enter", "Open the row"],
  ["x", "Select the row (Queue)"],
  ["a / r", "Approve / reject (Approvals)"],
  ["c", "Cancel the item (Queue)"],
  ["/", "To the filter"],
  ["Esc", "Close what is open"],
  ["?", "This list"],
];

export function Keyboard() {
  const [help, setHelp] = useState(false);
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
  return (
    <Dialog.Root open={help} onOpenChange={setHelp}>
      <Dialog.Portal>
        <Dialog.Backdrop className="fixed inset-0 z-40 bg-black/50" />
        <Dialog.Popup className="scroller fixed top-1/2 left-1/2 z-50 max-h-[90dvh] w-[min(26rem,calc(100vw-1.5rem))] -translate-x-1/2 -translate-y-1/2 rounded-lg border border-line bg-page p-4 shadow-float outline-none">
          <Dialog.Title className="mb-2 text-lg font-semibold">Keys</Dialog.Title>
          <dl className="grid grid-cols-[6rem_1fr] gap-y-1">
            {ROWS.map(([keys, what]) => (
              <div key={keys} className="contents">
                <dt>
                  {keys.split(" ").map((key) => (key === "/" && keys !== "/" ? " / " : <kbd key={key} className="mr-1">{key}</kbd>))}
                </dt>
                <dd>{what}</dd>
              </div>
            ))}
          </dl>
          <Dialog.Close className="mt-4 rounded-md border border-strong px-3 py-1">Close</Dialog.Close>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
