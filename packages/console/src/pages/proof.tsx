/** "Verify here": asks for a line's receipt and recomputes it in this browser, and says what that proves and what it does not. */

import { isControlPlaneError } from "@cortexpilot/frontend-api-client";
import { MARKS } from "@cortexpilot/frontend-shared";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { type Receipt, client } from "../data/client.js";
import { usePref } from "../data/prefs.js";
import { type Step, canVerify, judge } from "../lib/verify.js";
import { Button, Copy, Foreign, cx } from "../ui/basic.js";
import { Failed } from "../ui/states.js";

/** The key that somebody noted in Settings goes before the one that the server names. */
export function useAuditKey(): { text: string; noted: boolean } | undefined {
  const noted = usePref("auditKey");
  const kept = useQuery({ queryKey: ["checkpoints"], queryFn: ({ signal }) => client.ledger.checkpoints({ signal }), staleTime: 30_000 });
  if (noted !== "") return { text: noted, noted: true };
  const named = kept.data?.find((each) => each.file === "queue.jsonl")?.key;
  return named === undefined ? undefined : { text: named, noted: false };
}

export function ProofOf({ queueId, seq, receiptAt, line }: { queueId: string; seq: number; receiptAt: string | null; line: string | undefined }) {
  const key = useAuditKey();
  const [open, setOpen] = useState(false);
  const [steps, setSteps] = useState<Step[]>();
  const [receipt, setReceipt] = useState<Receipt>();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const verify = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    setSteps(undefined);
    try {
      const of = new URL(receiptAt ?? "", location.origin).searchParams.get("of") ?? undefined;
      const found = await client.queue.receipt(queueId, of === undefined ? {} : { of: of as never });
      setReceipt(found);
      setSteps(await judge(found, line, key));
    } catch (caught) {
      setError(caught);
    } finally {
      setBusy(false);
    }
  };
  return (
    <div className="mt-1">
      <div className="flex flex-wrap items-center gap-2 text-sm">
        {line !== undefined && (
          <button type="button" className="link" aria-expanded={open} onClick={() => setOpen(!open)}>
            {open ? "Hide the line" : "The line itself"}
          </button>
        )}
        {receiptAt !== null && (
          <Button small busy={busy} onClick={() => void verify()} why={canVerify() ? undefined : "Needs https, or this machine."}>
            Verify here<span className="sr-only"> line {seq}</span>
          </Button>
        )}
        {receipt !== undefined && <Copy text={JSON.stringify(receipt)} label="Copy the receipt" />}
      </div>
      {open && line !== undefined && <RawLine line={line} />}
      {steps !== undefined && <Steps steps={steps} />}
      {error !== undefined &&
        (isControlPlaneError(error, "RECEIPT_NO_KEY") ? (
          <p className="mt-1 text-sm text-muted">
            There is no audit key here, so nothing is signed and there is no receipt. An operator makes it once: <code className="font-mono">cortexpilot audit init-key --name NAME</code>
          </p>
        ) : (
          <div className="mt-1">
            <Failed error={error} title="There is no receipt now" />
          </div>
        ))}
    </div>
  );
}

export function Steps({ steps }: { steps: readonly Step[] }) {
  const sound = steps.every((step) => step.holds === true);
  const broken = steps.some((step) => step.holds === false);
  return (
    <div role="status" className="mt-2 rounded-md border border-line p-2 text-sm">
      <p className={cx("font-medium", broken ? "text-bad-ink" : sound ? "text-good-ink" : "text-attention-ink")}>
        <span aria-hidden="true">{broken ? MARKS.bad : sound ? MARKS.good : MARKS.attention} </span>
        {broken ? "It does not hold" : sound ? "Recomputed here, and it holds" : "Recomputed here, as far as it goes"}
      </p>
      <ul className="mt-1 space-y-1">
        {steps.map((step) => (
          <li key={step.what} className="flex gap-2">
            <span aria-hidden="true" className={step.holds === true ? "text-good-ink" : step.holds === false ? "text-bad-ink" : "text-muted"}>
              {step.holds === true ? MARKS.good : step.holds === false ? MARKS.bad : "–"}
            </span>
            <span className="min-w-0">
              <span className="sr-only">{step.holds === true ? "holds: " : step.holds === false ? "does not hold: " : "not known: "}</span>
              {step.what}. <span className="text-muted">{step.about}</span>
            </span>
          </li>
        ))}
      </ul>
      {!broken && (
        <p className="mt-1 text-muted">
          What this does not show: that nothing was ever cut off the end, or put back as it once was. A checkpoint kept elsewhere shows that.
        </p>
      )}
    </div>
  );
}

export function RawLine({ line }: { line: string }) {
  return (
    <div className="scroller mt-1 max-h-60 rounded-md border border-line bg-panel p-2" tabIndex={0} role="group" aria-label="The line as it stands in the ledger">
      <code className="font-mono text-xs break-all whitespace-pre-wrap">
        <Foreign text={line} className="break-all" />
      </code>
    </div>
  );
}
