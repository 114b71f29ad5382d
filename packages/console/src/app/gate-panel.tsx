/** How the gate stands, in full, and the two switches that a person has in hand. */

import { Popover } from "@base-ui/react/popover";
import { freeze, unfreeze } from "@cortexpilot/frontend-api-client/operator";
import { APPROVAL_POLICY, type Look, lookOf } from "@cortexpilot/frontend-shared";
import { useQueryClient } from "@tanstack/react-query";
import { type RefObject, useState } from "react";

import { type Standing, client } from "../data/client.js";
import { useMayDecide } from "../data/queries.js";
import { Button, Copy, Facts, Foreign, Time } from "../ui/basic.js";
import { commandOf, withReason } from "../ui/command.js";
import { type Asked, ReasonDialog } from "../ui/reason.js";
import { setBy } from "../ui/words.js";

/** The command that opens the gate, for the operator who sits here. Only in the trusted environment can it be opened. */
export const HOW_TO_OPEN = "CORTEXPILOT_MCP_QUEUE_PILOT_ENABLE_APPLY=1 cortexpilot serve";

export function GatePanel({
  standing,
  look,
  open,
  setOpen,
  trigger,
}: {
  standing: Standing;
  look: Look;
  open: boolean;
  setOpen: (open: boolean) => void;
  trigger: RefObject<HTMLButtonElement | null>;
}) {
  const [asked, ask] = useState<Asked>();
  return (
    <>
      <Popover.Root
        open={open}
        onOpenChange={(now, details) => {
          // The button closes by itself what it has opened.
          if (!now && details.event.target instanceof Node && trigger.current?.contains(details.event.target) === true) return;
          setOpen(now);
        }}
      >
        <Popover.Portal>
          <Popover.Positioner anchor={trigger} sideOffset={6} align="end" className="z-40">
            <Popover.Popup finalFocus={trigger} className="scroller max-h-[80dvh] w-[min(30rem,calc(100vw-1rem))] rounded-lg border border-line bg-page p-4 shadow-float outline-none">
              <Popover.Title className="text-lg font-semibold">Agents may queue: {look.label}</Popover.Title>
              <Popover.Description className="mb-3 text-muted">{look.about}</Popover.Description>
              <GateFacts
                standing={standing}
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
  const queries = useQueryClient();
  const { frozen, floor_set: floorSet, lowering } = standing;
  const again = (): Promise<void> => queries.invalidateQueries({ queryKey: ["gate"] });
  const mayNot = useMayDecide();
  return (
    <div className="space-y-3">
      <Facts
        rows={[
          ["Since", <span key="n"><Time at={standing.since.at} />, {setBy(standing.since.by)}</span>],
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
                elsewhere: withReason(["gate", "unfreeze"], "/api/gate/unfreeze"),
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
                elsewhere: withReason(["gate", "freeze"], "/api/gate/freeze"),
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
      </div>
      {standing.approval_policy === "declared" && (
        <p className="text-sm text-muted">
          To have a person asked in every process: <code className="font-mono">{commandOf(["gate", "policy", "set", "operator"])}</code>
        </p>
      )}
    </div>
  );
}
