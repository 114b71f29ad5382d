/** Workers that said lately that they are there, what they hold, and what waits because they cannot take it. */

import { pauseClaims, resumeClaims } from "@cortexpilot/frontend-api-client/operator";
import { counted } from "@cortexpilot/frontend-shared";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { Title } from "../app/frame.js";
import { type Worker, client } from "../data/client.js";
import { useQueue } from "../data/live.js";
import { gateQuery, useMayDecide, workersQuery } from "../data/queries.js";
import { Badge, Button, Card, Facts, Foreign, Line, Notice, Time } from "../ui/basic.js";
import { CopyAs, withReason } from "../ui/command.js";
import { type Asked, ReasonDialog } from "../ui/reason.js";
import { Empty, Failed, Loading } from "../ui/states.js";

export function Workers() {
  const found = useQuery(workersQuery);
  const gate = useQuery(gateQuery);
  const queries = useQueryClient();
  const mayNot = useMayDecide();
  const { items } = useQueue();
  const [asked, ask] = useState<Asked>();
  const claimed = items.filter((item) => item.status === "CLAIMED");
  const ready = items.filter((item) => item.status === "PENDING" && item.queue_state !== "waiting");
  const held = new Set((found.data ?? []).flatMap((worker) => worker.running));
  const alone = claimed.filter((item) => !held.has(item.queue_id));
  const paused = gate.data?.paused;
  return (
    <>
      <Title
        name="Workers"
        aside={
          <>
            <Button
              why={mayNot}
              onClick={() =>
                ask(
                  paused
                    ? {
                        title: "Let workers claim again?",
                        about: "What is ready can be claimed at once.",
                        verb: "Resume claiming",
                        elsewhere: withReason(["queue", "resume"], "/api/gate/resume"),
                        act: async (reason) => {
                          await resumeClaims(client, { reason });
                          await queries.invalidateQueries({ queryKey: ["gate"] });
                        },
                      }
                    : {
                        title: "Pause claiming?",
                        about: "No worker takes anything new, in any process. What is in work goes on, and queueing goes on.",
                        verb: "Pause claiming",
                        elsewhere: withReason(["queue", "pause"], "/api/gate/pause"),
                        act: async (reason) => {
                          await pauseClaims(client, { reason });
                          await queries.invalidateQueries({ queryKey: ["gate"] });
                        },
                      },
                )
              }
            >
              {paused ? "Resume claiming…" : "Pause claiming…"}
            </Button>
            <CopyAs command={["workers", "list"]} http={{ method: "GET", path: "/api/workers" }} />
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
          found.isError ? (
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
                <WorkerCard worker={worker} />
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

function WorkerCard({ worker }: { worker: Worker }) {
  const { running, cannot } = worker;
  return (
    <Card
      title={<Foreign text={worker.worker} />}
      aside={
        worker.draining ? (
          <Badge plain look={{ label: "Draining", about: "It finishes what it holds and takes nothing new.", tone: "attention" }} />
        ) : running.length > 0 ? (
          <Badge plain look={{ label: "Working", about: "It carries out what it holds.", tone: "active" }} />
        ) : (
          <Badge plain look={{ label: "Idle", about: "It waits for something that it can take.", tone: "waiting" }} />
        )
      }
    >
      <Facts
        rows={[
          ["Holds", running.length === 0 ? `nothing, of ${counted(worker.slots, "place")}` : <Holds key="h" ids={running} />],
          ["On", <Foreign key="o" text={`${worker.host || "–"}${worker.pid === 0 ? "" : `, process ${worker.pid}`}`} />],
          ["Principal", <Foreign key="p" text={worker.principal} mono />],
          ["Through", worker.surface === "cli" ? "the ledger on this machine" : "HTTP"],
          ["Version", worker.version || "–"],
          ["Since", <Time key="s" at={worker.started_at} />],
          ["Last heard", <Time key="l" at={worker.at} />],
        ]}
      />
      {cannot.length > 0 && (
        <div className="mt-2 border-t border-line pt-2">
          <h3 className="text-attention-ink">! Cannot take</h3>
          <ul>
            {cannot.map((each) => (
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
