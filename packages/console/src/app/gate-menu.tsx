/** "Agents may queue": the state of the whole system, who set it, and the two switches that a person has in hand. */

import { Popover } from "@base-ui/react/popover";
import { freeze, unfreeze } from "@cortexpilot/frontend-api-client/operator";
import { AGENTS_MAY_QUEUE, APPROVAL_POLICY, MARKS, type Tone, lookOf } from "@cortexpilot/frontend-shared";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { type Standing, actingRole, client } from "../data/client.js";
import { gateQuery, useSession } from "../data/queries.js";
import { Button, Copy, Facts, Foreign, Time, cx } from "../ui/basic.js";
import { CopyAs, commandOf } from "../ui/command.js";
import { type Asked, ReasonDialog } from "../ui/reason.js";

const INKS: Readonly<Record<Tone, string>> = {
  neutral: "text-ink",
  waiting: "text-waiting-ink",
  active: "text-active-ink",
  good: "text-good-ink",
  attention: "text-attention-ink",
  bad: "text-bad-ink",
};

/** The command that opens the gate, for the operator who sits here. Only in the trusted environment can it be opened. */
export const HOW_TO_OPEN = "CORTEXPILOT_MCP_QUEUE_PILOT_ENABLE_APPLY=1 cortexpilot serve";

export function GateMenu() {
  const found = useQuery(gateQuery);
  const [asked, ask] = useState<Asked>();
  const [open, setOpen] = useState(false);
  if (found.data === undefined) {
    return <span className="px-2 text-sm text-muted">{found.isError ? "Agents may queue: not known" : "Agents may queue: …"}</span>;
  }
  const word = found.data.agents_may_queue;
  const look = lookOf(AGENTS_MAY_QUEUE, word);
  return (
    <>
      <Popover.Root open={open} onOpenChange={setOpen}>
        <Popover.Trigger className="max-w-full rounded-md px-2 py-1 text-left hover:bg-panel" title={look.about}>
          <span className="text-muted">Agents may queue: </span>
          <span className={cx("font-medium", INKS[look.tone])}>
            {look.tone !== "neutral" && <span aria-hidden="true">{MARKS[look.tone]} </span>}
            {look.label}
          </span>
          <span aria-hidden="true"> ▾</span>
        </Popover.Trigger>
        <Popover.Portal>
          <Popover.Positioner sideOffset={6} align="end" className="z-40">
            <Popover.Popup className="scroller max-h-[80dvh] w-[min(30rem,calc(100vw-1rem))] rounded-lg border border-line bg-page p-4 shadow-float outline-none">
              <Popover.Title className="text-lg font-semibold">Agents may queue: {look.label}</Popover.Title>
              <Popover.Description className="mb-3 text-muted">{look.about}</Popover.Description>
              <GateFacts
                standing={found.data}
                ask={(what) => {
                  setOpen(false);
                  ask(what);
                }}
              />
            </Popover.Popup>
          </Popover.Positioner>
        </Popover.Portal>
      </Popover.Root>
      <ReasonDialog asked={asked} close={() => ask(undefined)} />
    </>
  );
}

/** How the gate stands, and what can be done about it. */
export function GateFacts({ standing, ask }: { standing: Standing; ask: (asked: Asked) => void }) {
  const session = useSession();
  const queries = useQueryClient();
  const { frozen, floor_set: floorSet, lowering } = standing;
  const again = (): Promise<void> => queries.invalidateQueries({ queryKey: ["gate"] });
  const mayNot = session.kind === "operator" ? undefined : "Only an operator can do this.";
  return (
    <div className="space-y-3">
      <Facts
        rows={[
          [
            "Queueing",
            standing.mutation_gate === "open"
              ? "switched on where this server was started"
              : standing.mutation_gate === "frozen"
                ? "frozen by an operator, everywhere"
                : "switched off where this server was started, which is the default",
          ],
          frozen ? ["Frozen", <span key="f"><Time at={frozen.since} /> by {frozen.by}{frozen.reason ? <>: <Foreign text={frozen.reason} /></> : null}</span>] : undefined,
          ["Who says yes", <span key="p" title={APPROVAL_POLICY[standing.approval_policy]?.about}>{lookOf(APPROVAL_POLICY, standing.approval_policy).label} <span className="font-mono text-sm">({standing.approval_policy})</span></span>],
          [
            "At least",
            floorSet ? (
              <span key="s">
                <span className="font-mono text-sm">{standing.floor}</span>, set <Time at={floorSet.at} /> by {floorSet.by}
              </span>
            ) : (
              <span key="s">nobody has set a floor; this server’s configuration says <span className="font-mono text-sm">{standing.configured_policy}</span></span>
            ),
          ],
          lowering ? ["Proposed", <span key="l">lower to {lowering.to}, by {lowering.by} <Time at={lowering.at} /></span>] : undefined,
        ]}
      />
      {standing.mutation_gate === "default-off" && (
        <div className="rounded-md border border-line bg-panel p-2">
          <p className="text-sm">
            Nothing on this page can switch it on: that is done where the server is started, by whoever is trusted there.
          </p>
          <div className="mt-1 flex flex-wrap items-center gap-2">
            <code className="font-mono text-sm">{HOW_TO_OPEN}</code>
            <Copy text={HOW_TO_OPEN} label="Copy" />
          </div>
        </div>
      )}
      <div className="flex flex-wrap items-center gap-2">
        {frozen ? (
          <Button
            why={mayNot}
            onClick={() =>
              ask({
                title: "Let queueing and claiming go on?",
                about: "The freeze ends in every process. What was pending can be claimed again, and open requests can be approved.",
                verb: "Unfreeze",
                act: async (reason) => {
                  await unfreeze(client, { reason });
                  await again();
                },
              })
            }
          >
            Unfreeze…
          </Button>
        ) : (
          <Button
            kind="danger"
            why={mayNot}
            onClick={() =>
              ask({
                title: "Freeze everything?",
                about:
                  "Nothing is queued, approved or claimed in any process until somebody unfreezes. What a worker has begun goes on, and cancelling still works.",
                verb: "Freeze",
                danger: true,
                act: async (reason) => {
                  await freeze(client, { reason });
                  await again();
                },
              })
            }
          >
            Freeze…
          </Button>
        )}
        <CopyAs
          command={frozen ? ["gate", "unfreeze", "--reason", "REASON"] : ["gate", "freeze", "--reason", "REASON"]}
          http={{ method: "POST", path: `/api/gate/${frozen ? "unfreeze" : "freeze"}`, body: { reason: "REASON" } }}
          role={actingRole()}
        />
      </div>
      {standing.approval_policy === "declared" && (
        <p className="text-sm text-muted">
          To have a person asked in every process: <code className="font-mono">{commandOf(["gate", "policy", "set", "operator"])}</code>
        </p>
      )}
    </div>
  );
}
