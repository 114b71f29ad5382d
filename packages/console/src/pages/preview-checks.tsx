/** The nine checks between a preview and the queue: each open or shut, why, and who can open it. */

import type { Preview } from "@cortexpilot/frontend-api-client/queue-operator";
import { GATES, type GateName, MARKS, counted } from "@cortexpilot/frontend-shared";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { HOW_TO_OPEN } from "../app/gate-panel.js";
import { Card, Copy, Foreign, cx } from "../ui/basic.js";

/** What a person has said on this page so far. */
export interface Said {
  confirmed: boolean;
  stated: boolean;
  stale: boolean;
}

type Gate = Preview["gates"][number];

/** A check in a few words, and what stands behind them at this moment. */
function words(gate: GateName, preview: Preview, said: Said): { name: string; beside: string } {
  switch (gate) {
    case "authenticated":
      return { name: "Signed in", beside: preview.acting_as.principal };
    case "mutation_gate":
      return { name: preview.mutation_gate === "frozen" ? "Not frozen" : "Queueing switched on here", beside: "" };
    case "confirm":
      return { name: "You confirm", beside: said.confirmed ? "typed" : "below" };
    case "role":
      return { name: "Your role is allowed", beside: preview.acting_as.roles.join(", ") };
    case "metadata":
      return { name: "Who asks, and why", beside: said.stated ? "said" : "below" };
    case "run":
      return { name: "Run readable, task contract unaltered", beside: "" };
    case "preview":
      return { name: said.stale ? "Previewed, but out of date" : "Previewed just now", beside: "" };
    case "limits":
      return { name: "Within the limits", beside: "" };
    case "approval_policy":
      return preview.approval_policy === "declared"
        ? { name: "Nobody else is asked", beside: "" }
        : { name: preview.approval_policy === "operator" ? "One person agrees" : "Two people agree", beside: "after you ask" };
    default:
      return { name: gate, beside: "" };
  }
}

/** Three answers: open, shut, or not yet known because a person has still to speak. */
function stands(gate: Gate, said: Said): boolean | null {
  if (gate.gate === "confirm") return said.confirmed ? true : null;
  if (gate.gate === "metadata") return said.stated ? true : null;
  if (gate.gate === "preview") return said.stale ? false : true;
  return gate.open ?? null;
}

export function Checks({ preview, said }: { preview: Preview; said: Said }) {
  const states = preview.gates.map((gate) => ({ gate, open: stands(gate, said) }));
  const open = states.filter((state) => state.open === true).length;
  const shut = states.filter((state) => state.open === false).length;
  return (
    <Card
      title="Checks"
      aside={
        <span role="status">
          {open} of {states.length} open
          {shut > 0 && <span className="text-bad-ink">, {shut} shut</span>}
        </span>
      }
      flush
    >
      <ul className="divide-y divide-line">
        {states.map(({ gate, open }) => (
          <Check key={gate.gate} gate={gate} open={open} preview={preview} said={said} />
        ))}
      </ul>
      {shut > 0 && (
        <p className="border-t border-line px-3 py-2 text-sm text-muted">
          {counted(shut, "check")} {shut === 1 ? "is" : "are"} shut. <Foreign text={preview.next_step} />
        </p>
      )}
    </Card>
  );
}

function Check({ gate, open, preview, said }: { gate: Gate; open: boolean | null; preview: Preview; said: Said }) {
  const { name, beside } = words(gate.gate, preview, said);
  const [more, setMore] = useState(open === false);
  const row = Object.hasOwn(GATES, gate.gate) ? GATES[gate.gate] : undefined;
  return (
    <li className="px-3 py-1.5">
      <div className="flex items-baseline gap-2">
        <span aria-hidden="true" className={cx("w-4 shrink-0 text-center", open === true ? "text-good-ink" : open === false ? "text-bad-ink" : "text-muted")}>
          {open === true ? MARKS.good : open === false ? MARKS.bad : "–"}
        </span>
        <span className="min-w-0 grow">
          <span className="sr-only">{open === true ? "open: " : open === false ? "shut: " : "not yet: "}</span>
          {name}
        </span>
        {open === false ? (
          <button type="button" className="link shrink-0 text-sm" aria-expanded={more} onClick={() => setMore(!more)}>
            {more ? "less" : "show how"}
          </button>
        ) : (
          <span className="max-w-40 min-w-0 truncate text-right text-sm text-muted" title={beside}>
            {beside}
          </span>
        )}
      </div>
      {open === false && more && (
        <div className="mt-1 ml-6 space-y-1 text-sm">
          <p>
            <Foreign text={gate.reason} />
          </p>
          {row !== undefined && <p className="text-muted">Opened by {row.openedBy}.</p>}
          {gate.code === "MUTATION_GATE_CLOSED" && (
            <p className="flex flex-wrap items-center gap-2">
              <code className="font-mono">{HOW_TO_OPEN}</code>
              <Copy text={HOW_TO_OPEN} label="Copy" />
            </p>
          )}
          {gate.code === "RUN_AWAITING_APPROVAL" && (
            <Link to="/runs/$runId" params={{ runId: preview.run_id }} className="link">
              Look at the run, which waits for a person of its own
            </Link>
          )}
          {gate.code !== null && gate.code !== undefined && <p className="font-mono text-muted">{gate.code}</p>}
        </div>
      )}
    </li>
  );
}
