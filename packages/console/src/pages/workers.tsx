/** Workers that said lately that they are there, what they hold, and what waits because they cannot take it. */

import { isControlPlaneError } from "@cortexpilot/frontend-api-client";
import { counted } from "@cortexpilot/frontend-shared";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { Title } from "../app/frame.js";
import { actingRole } from "../data/client.js";
import { useQueue } from "../data/live.js";
import { setPaused, workers } from "../data/operations.js";
import { gateQuery, useSession } from "../data/queries.js";
import { Badge, Button, Card, Facts, Foreign, Line, Notice, Time } from "../ui/basic.js";
import { CopyAs } from "../ui/command.js";
import { type Asked, ReasonDialog } from "../ui/reason.js";
import { Empty, Failed, Loading } from "../ui/states.js";

export function Workers() {
  const found = useQuery({ queryKey: ["workers"], queryFn: workers, refetchInterval: 5_000 });
  const gate = useQuery(gateQuery);
  const queries = useQueryClient();
  const session = useSession();
  const { items } = useQueue();
  const [asked, ask] = useState<Asked>();
  const claimed = items.filter((item) => item.status === "CLAIMED");
  const ready = items.filter((item) => item.status === "PENDING" && item.queue_state !== "waiting");
  const held = new Set((found.data ?? []).flatMap((worker) => worker.running ?? []));
  const alone = claimed.filter((item) => !held.has(item.queue_id));
  const older = isControlPlaneError(found.error, "NOT_FOUND");
  const paused = (gate.data as { paused?: { since: string; by: string; reason?: string } | null } | undefined)?.paused;
  const known = gate.data !== undefined && "paused" in gate.data;
  return (
    <>
      <Title
        name="Workers"
        aside={
          <>
            <Button
              why={known ? (session.kind === "operator" ? undefined : "Only operators pause.") : "This server cannot pause claiming."}
              hideWhy={!known}
              onClick={() =>
                ask(
                  paused
                    ? {
                        title: "Let workers claim again?",
                        about: "What is ready can be claimed at once.",
                        verb: "Resume claiming",
                        act: async (reason) => {
                          await setPaused(false, reason);
                          await queries.invalidateQueries({ queryKey: ["gate"] });
                        },
                      }
                    : {
                        title: "Pause claiming?",
                        about: "No worker takes anything new, in any process. What is in work goes on, and queueing goes on.",
                        verb: "Pause claiming",
                        act: async (reason) => {
                          await setPaused(true, reason);
                          await queries.invalidateQueries({ queryKey: ["gate"] });
                        },
                      },
                )
              }
            >
              {paused ? "Resume claiming…" : "Pause claiming…"}
            </Button>
            <CopyAs command={["queue", paused ? "resume" : "pause", "--reason", "REASON"]} http={{ method: "POST", path: `/api/gate/${paused ? "resume" : "pause"}`, body: { reason: "REASON" } }} role={actingRole()} />
          </>
        }
      >
        Workers
      </Title>
      <div className="space-y-4">
        {paused && (
          <Notice tone="attention" title={`Claiming is paused by ${paused.by}`}>
            <p>
              Since <Time at={paused.since} />
              {paused.reason && (
                <>
                  : <Foreign text={paused.reason} />
                </>
              )}
            </p>
          </Notice>
        )}
        {found.data === undefined ? (
          older ? (
            <Empty title="This server does not tell which workers are there">
              <p>It is of a version before workers said so. What they hold is in the queue all the same.</p>
            </Empty>
          ) : found.isError ? (
            <Failed error={found.error} again={() => void found.refetch()} />
          ) : (
            <Loading what="workers" />
          )
        ) : found.data.length === 0 ? (
          <Empty title="No worker is there">
            <p>
              {ready.length > 0 ? `${counted(ready.length, "item")} ${ready.length === 1 ? "is" : "are"} ready, and nobody takes ${ready.length === 1 ? "it" : "them"}. ` : ""}
              Start one: <code className="font-mono">cortexpilot worker</code>
            </p>
          </Empty>
        ) : (
          <ul className="grid gap-4 lg:grid-cols-2">
            {found.data.map((worker) => (
              <li key={worker.worker} className="min-w-0">
                <Card
                  title={<Foreign text={worker.worker} />}
                  aside={
                    worker.draining === true ? (
                      <Badge plain look={{ label: "Draining", about: "It finishes what it holds and takes nothing new.", tone: "attention" }} />
                    ) : (
                      <Badge plain look={{ label: (worker.running?.length ?? 0) > 0 ? "Working" : "Idle", about: "", tone: (worker.running?.length ?? 0) > 0 ? "active" : "waiting" }} />
                    )
                  }
                >
                  <Facts
                    rows={[
                      ["Holds", (worker.running?.length ?? 0) === 0 ? `nothing, of ${counted(worker.slots ?? 1, "place")}` : <Holds key="h" ids={worker.running ?? []} />],
                      ["On", <Foreign key="o" text={`${worker.host ?? "–"}${worker.pid === undefined ? "" : `, process ${worker.pid}`}`} />],
                      ["Principal", <Foreign key="p" text={worker.principal ?? "–"} mono />],
                      ["Version", worker.version ?? "–"],
                      ["Since", <Time key="s" at={worker.started_at} />],
                      ["Last heard", <Time key="l" at={worker.at} />],
                    ]}
                  />
                  {(worker.cannot?.length ?? 0) > 0 && (
                    <div className="mt-2 border-t border-line pt-2">
                      <h3 className="text-attention-ink">! Cannot take</h3>
                      <ul>
                        {worker.cannot?.map((each) => (
                          <li key={each.queue_id} className="flex gap-2">
                            <Link to="/queue/$queueId" params={{ queueId: each.queue_id }} className="link shrink-0 font-mono text-sm">
                              {each.queue_id.slice(0, 8)}
                            </Link>
                            <Foreign text={each.why} />
                          </li>
                        ))}
                      </ul>
                    </div>
                  )}
                </Card>
              </li>
            ))}
          </ul>
        )}
        {alone.length > 0 && (
          <Card title="Claimed, but by none of these" aside={counted(alone.length, "item")} flush>
            <ul className="divide-y divide-line">
              {alone.slice(0, 50).map((item) => (
                <li key={item.queue_id} className="row flex flex-wrap gap-x-4 px-3 py-1.5">
                  <Link to="/queue/$queueId" params={{ queueId: item.queue_id }} className="quiet-link min-w-0 grow font-medium">
                    <Line text={item.task_id} />
                  </Link>
                  <span className="text-muted">
                    claimed <Time at={item.claimed_at} />
                  </span>
                </li>
              ))}
            </ul>
          </Card>
        )}
      </div>
      <ReasonDialog asked={asked} close={() => ask(undefined)} />
    </>
  );
}

function Holds({ ids }: { ids: readonly string[] }) {
  const { items } = useQueue();
  return (
    <ul>
      {ids.map((id) => (
        <li key={id}>
          <Link to="/queue/$queueId" params={{ queueId: id }} className="link">
            <Foreign text={items.find((item) => item.queue_id === id)?.task_id ?? id.slice(0, 12)} />
          </Link>
        </li>
      ))}
    </ul>
  );
}
