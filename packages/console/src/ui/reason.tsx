/** Asks why, before something is written down for ever. */

import { Dialog } from "@base-ui/react/dialog";
import { type ReactNode, useId, useState } from "react";

import { actingRole } from "../data/client.js";
import { problemOfStated } from "../lib/text.js";
import { Button } from "./basic.js";
import { CopyAs, type Elsewhere } from "./command.js";
import { Failed } from "./states.js";

const REASON_MAX = 2_000;

/** What is asked, and what is done with the answer. */
export interface Asked {
  title: string;
  /** What will happen and what will not, in plain words. */
  about: ReactNode;
  /** The word on the button: what is done. */
  verb: string;
  danger?: boolean;
  /** A reason may be left out. */
  optional?: boolean;
  /** How the same is done elsewhere, with the reason as it stands; left out where many things are done at once. */
  elsewhere?: (reason: string) => Elsewhere;
  act: (reason: string) => Promise<unknown>;
}

/** The dialog; open while `asked` is there. */
export function ReasonDialog({ asked, close }: { asked: Asked | undefined; close: () => void }) {
  return (
    <Dialog.Root open={asked !== undefined} onOpenChange={(open) => !open && close()}>
      <Dialog.Portal>
        <Dialog.Backdrop className="fixed inset-0 z-40 bg-black/50" />
        <Dialog.Popup className="scroller fixed top-1/2 left-1/2 z-50 max-h-[92dvh] w-[min(34rem,calc(100vw-1.5rem))] -translate-x-1/2 -translate-y-1/2 rounded-lg border border-line bg-page p-4 shadow-float outline-none">
          {asked !== undefined && <Form asked={asked} close={close} />}
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function Form({ asked, close }: { asked: Asked; close: () => void }) {
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const [tried, setTried] = useState(false);
  const id = useId();
  const problem = asked.optional === true && reason === "" ? undefined : problemOfStated(reason, REASON_MAX, "The reason");
  const submit = async (): Promise<void> => {
    setTried(true);
    if (problem !== undefined || busy) return;
    setBusy(true);
    setError(undefined);
    try {
      await asked.act(reason);
      close();
    } catch (caught) {
      setError(caught);
    } finally {
      setBusy(false);
    }
  };
  return (
    <form
      className="flex flex-col gap-3"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <Dialog.Title className="text-lg font-semibold">{asked.title}</Dialog.Title>
      <Dialog.Description render={<div />} className="text-muted">
        {asked.about}
      </Dialog.Description>
      <div>
        <label htmlFor={id} className="mb-1 flex items-baseline justify-between gap-2">
          <span className="font-medium">
            Reason{asked.optional === true && <span className="font-normal text-muted"> (may be left out)</span>}
          </span>
          <span className="text-sm text-muted">{reason.length > 1_500 && `${[...reason].length} of 2,000`}</span>
        </label>
        <textarea
          id={id}
          rows={2}
          className="field resize-y"
          value={reason}
          autoFocus
          aria-invalid={tried && problem !== undefined}
          aria-describedby={`${id}-about`}
          onChange={(event) => setReason(event.target.value.replace(/[\r\n]+/g, " "))}
          onKeyDown={(event) => {
            if (event.key === "Enter" && !event.shiftKey) {
              event.preventDefault();
              void submit();
            }
          }}
        />
        <p id={`${id}-about`} className="text-sm text-muted">
          {tried && problem !== undefined ? (
            <span className="text-bad-ink">{problem}</span>
          ) : (
            "Kept with the decision for ever; write nothing secret. Enter sends it."
          )}
        </p>
      </div>
      {error !== undefined && <Failed error={error} />}
      <div className="flex flex-wrap items-center justify-end gap-2">
        {asked.elsewhere !== undefined && (
          <span className="mr-auto">
            <CopyAs {...asked.elsewhere(reason === "" && asked.optional !== true ? "REASON" : reason)} role={actingRole()} />
          </span>
        )}
        <Button onClick={close}>Back</Button>
        <Button type="submit" kind={asked.danger === true ? "danger" : "main"} busy={busy}>
          {asked.verb}
        </Button>
      </div>
    </form>
  );
}
