/** All keys, under `?`. */

import { Dialog } from "@base-ui/react/dialog";

import { PLACES } from "./places.js";

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

export function Help({ open, setOpen }: { open: boolean; setOpen: (open: boolean) => void }) {
  return (
    <Dialog.Root open={open} onOpenChange={setOpen}>
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
