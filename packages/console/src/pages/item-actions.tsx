/** What can be done about items, with honest words: only the first of these is a rollback. */

import { cancelQueueItem, failItem, requeueItem, revokeLease, stopQueueItem } from "@cortexpilot/frontend-api-client/queue-operator";
import { isControlPlaneError } from "@cortexpilot/frontend-api-client";
import { counted } from "@cortexpilot/frontend-shared";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { type Item, client } from "../data/client.js";
import { queueStore } from "../data/live.js";
import { useSession } from "../data/queries.js";
import { Button } from "../ui/basic.js";
import { withReason } from "../ui/command.js";
import { type Asked, ReasonDialog } from "../ui/reason.js";
import { isHeld } from "../ui/words.js";

/** One thing that can be done about an item. */
interface Deed {
  verb: string;
  name: "cancel" | "stop" | "revoke" | "requeue" | "fail";
  danger: boolean;
  title: string;
  about: string;
  optional?: boolean;
  act: (id: string, reason: string) => Promise<unknown>;
}

export const CANCEL: Deed = {
  verb: "Cancel (rolls back)",
  name: "cancel",
  danger: true,
  title: "Cancel this item?",
  about: "No worker has taken it, so nothing has happened yet, and nothing will. It stays in the record as cancelled.",
  optional: true,
  act: (id, reason) => cancelQueueItem(client, id, reason === "" ? {} : { reason }),
};

const STOP: Deed = {
  verb: "Ask it to stop (does not undo)",
  name: "stop",
  danger: true,
  title: "Ask its worker to stop?",
  about: "The worker hears of it with its next sign of life and ends what it does. What was done until then is done, and it may finish first.",
  act: (id, reason) => stopQueueItem(client, id, { reason }),
};

const REVOKE: Deed = {
  verb: "Take it from its worker",
  name: "revoke",
  danger: true,
  title: "Take it from its worker?",
  about: "For a worker that is gone or does not listen. The item is held as lost; whatever the worker still says about it is refused. What it did, it did.",
  act: (id, reason) => revokeLease(client, id, { reason }),
};

const REQUEUE: Deed = {
  verb: "Put it back in the queue",
  name: "requeue",
  danger: false,
  title: "Put it back in the queue?",
  about: "Its last worker was lost in the middle: part of the work may have been done, and would be done a second time. Look before you do this.",
  act: (id, reason) => requeueItem(client, id, { reason }),
};

const FAIL: Deed = {
  verb: "Close it as failed",
  name: "fail",
  danger: true,
  title: "Close it as failed?",
  about: "Nobody will carry it out again. What its worker did until it was lost is not undone.",
  act: (id, reason) => failItem(client, id, { reason }),
};

/** What can be done about an item as it stands. */
export function deedsFor(item: Item): Deed[] {
  if (item.status === "PENDING") return [CANCEL];
  if (item.status === "CLAIMED") return item.stop === undefined ? [STOP, REVOKE] : [REVOKE];
  if (isHeld(item)) return [REQUEUE, FAIL];
  return [];
}

/** Why nothing can be done any more. */
function over(item: Item): string {
  return item.status === "CANCELLED" ? "It was rolled back." : "It is over: there is nothing to cancel, and nothing that this console could undo.";
}

export function ItemActions({ item }: { item: Item }) {
  const [asked, ask] = useState<Asked>();
  const session = useSession();
  const queries = useQueryClient();
  const deeds = deedsFor(item);
  const why = session.kind === "worker" ? "Workers claim and complete; an operator decides." : undefined;
  if (deeds.length === 0) return <p className="text-sm text-muted">{over(item)}</p>;
  return (
    <div className="flex flex-wrap items-center gap-2">
      {deeds.map((deed) => (
        <Button
          key={deed.name}
          kind={deed.danger ? "danger" : "plain"}
          why={why}
          onClick={() =>
            ask({
              title: deed.title,
              about: deed.about,
              verb: deed.verb,
              danger: deed.danger,
              ...(deed.optional ? { optional: true } : {}),
              elsewhere: withReason(["queue", deed.name, item.queue_id], `/api/queue/${item.queue_id}/${deed.name}`),
              act: async (reason) => {
                await deed.act(item.queue_id, reason);
                await refreshed(item.queue_id);
                await queries.invalidateQueries({ queryKey: ["history", item.queue_id] });
              },
            })
          }
        >
          {deed.verb}…
        </Button>
      ))}
      <ReasonDialog asked={asked} close={() => ask(undefined)} />
    </div>
  );
}

/** The item as it stands now, without waiting for the live view. */
async function refreshed(id: string): Promise<void> {
  try {
    queueStore.put(await client.queue.get(id));
  } catch {
    // The live view brings it; what was done stands.
  }
}

/** Cancels many, one after the other, and says of each what came of it: some may have been claimed meanwhile. */
export function useCancelMany(done: () => void) {
  const [asked, ask] = useState<Asked>();
  const [outcome, setOutcome] = useState<{ cancelled: number; refused: { id: string; why: string }[] }>();
  const start = (ids: readonly string[]): void => {
    ask({
      title: `Cancel ${counted(ids.length, "item")}?`,
      about: "Each that no worker has taken is rolled back. One that was claimed in the meantime is left alone, and named.",
      verb: `Cancel ${counted(ids.length, "item")}`,
      danger: true,
      optional: true,
      act: async (reason) => {
        let cancelled = 0;
        const refused: { id: string; why: string }[] = [];
        for (const id of ids) {
          try {
            await CANCEL.act(id, reason);
            cancelled += 1;
          } catch (caught) {
            refused.push({ id, why: isControlPlaneError(caught) ? caught.reason : String(caught) });
            // Without an answer from the server, the rest would only fail the same way.
            if (isControlPlaneError(caught) && caught.kind !== "refused") {
              refused.push(...ids.slice(ids.indexOf(id) + 1).map((rest) => ({ id: rest, why: "Not tried: there was no answer." })));
              break;
            }
          }
        }
        setOutcome({ cancelled, refused });
        done();
      },
    });
  };
  const dialog = <ReasonDialog asked={asked} close={() => ask(undefined)} />;
  return { start, dialog, outcome, forget: () => setOutcome(undefined) };
}
