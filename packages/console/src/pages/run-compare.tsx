/** A run beside another: what differs in how they went, and in what they left behind. */

import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";

import { client } from "../data/client.js";
import { record } from "../lib/text.js";
import { Button, Card, Facts, Foreign, Id } from "../ui/basic.js";
import { DiffTable } from "../ui/diff.js";
import { Empty, Loaded } from "../ui/states.js";
import { Json } from "./run-files.js";

export function Compare({ runId, other }: { runId: string; other: string | undefined }) {
  const navigate = useNavigate({ from: "/runs/$runId" });
  const [typed, setTyped] = useState(other ?? "");
  const near = useQuery({ queryKey: ["runs", "near", runId], queryFn: async ({ signal }) => (await client.runs.list({ limit: 30 }, { signal })).items });
  const found = useQuery({
    queryKey: ["run", runId, "compare", other],
    queryFn: ({ signal }) => client.runs.compare(runId, other === undefined ? undefined : { with: other }, { signal }),
  });
  return (
    <div className="space-y-4">
      <form
        className="flex flex-wrap items-end gap-2"
        onSubmit={(event) => {
          event.preventDefault();
          if (typed.trim() !== "") void navigate({ search: (was) => ({ ...was, with: typed.trim() }) });
        }}
      >
        <label className="w-full max-w-md min-w-0">
          <span className="block text-sm text-muted">Compare with run</span>
          <input className="field font-mono" list="near-runs" value={typed} onChange={(event) => setTyped(event.target.value)} spellCheck={false} />
        </label>
        <datalist id="near-runs">{near.data?.filter((run) => run.run_id !== runId).map((run) => <option key={run.run_id} value={run.run_id} />)}</datalist>
        <Button type="submit" why={typed.trim() === "" ? "Name a run." : undefined} hideWhy>
          Compare
        </Button>
      </form>
      <Loaded query={found} what="the comparison">
        {(data) => {
          const comparison = data.comparison;
          if (comparison == null) {
            return Object.keys(record(data.compare_summary) ?? {}).length === 0 ? (
              <Empty title="Nothing to compare with yet">Name another run above.</Empty>
            ) : (
              <Card title="The comparison that the run stored" flush>
                <Json value={data.compare_summary} />
              </Card>
            );
          }
          const told = (run: typeof comparison.run): Record<string, unknown> => ({ ...run });
          const [mine, theirs] = [told(comparison.run), told(comparison.other)];
          const rows = Object.keys(mine)
            .filter((name) => name !== "run_id" && JSON.stringify(mine[name]) !== JSON.stringify(theirs[name]))
            .map((name) => ({ field: name.replaceAll("_", " "), was: String(theirs[name] ?? ""), now: String(mine[name] ?? "") }));
          const names = (title: string, difference: typeof comparison.files): ReactNode => (
            <Card title={title}>
              <Facts
                rows={[
                  ["Only here", <Names key="a" names={difference.only_in_run} />],
                  ["Only there", <Names key="b" names={difference.only_in_other} />],
                  ["Different", <Names key="c" names={difference.different} />],
                ]}
              />
            </Card>
          );
          return (
            <div className="space-y-4">
              <Card title="What differs" aside={<Id id={comparison.other.run_id} ends={12} />}>
                {rows.length === 0 ? <p className="text-muted">Nothing of what is compared.</p> : <DiffTable rows={rows} was="The other run" now="This run" />}
              </Card>
              <div className="grid gap-4 md:grid-cols-2">
                {names("Files", comparison.files)}
                {names("Reports", comparison.reports)}
              </div>
            </div>
          );
        }}
      </Loaded>
    </div>
  );
}

function Names({ names }: { names: readonly string[] }) {
  if (names.length === 0) return <span className="text-muted">none</span>;
  return (
    <ul>
      {names.map((name) => (
        <li key={name}>
          <Foreign text={name} mono />
        </li>
      ))}
    </ul>
  );
}
