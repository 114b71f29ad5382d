/** What a run left behind: its patch, reports, tests, task contract and files, each shown as text and never as markup. */

import { counted, size } from "@cortexpilot/frontend-shared";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { type Run, client } from "../data/client.js";
import { json, record, text } from "../lib/text.js";
import { AgentText, Card, Copy, Foreign, Line, cx } from "../ui/basic.js";
import { UnifiedDiff } from "../ui/diff.js";
import { Empty, Loaded } from "../ui/states.js";

export function Diff({ runId }: { runId: string }) {
  const diff = useQuery({ queryKey: ["run", runId, "diff"], queryFn: ({ signal }) => client.runs.diff(runId, { signal }) });
  return (
    <Loaded query={diff} what="the diff">
      {(data) =>
        data.diff === "" ? (
          <Empty title="This run changed nothing">It left no patch behind.</Empty>
        ) : (
          <Card
            flush
            title={data.files.length === 0 ? "What the run changed" : counted(data.files.length, "file")}
            aside={<Copy text={data.diff} label="Copy the patch" />}
          >
            {data.files.length > 0 && (
              <ul className="border-b border-line px-3 py-1.5">
                {data.files.map((file) => (
                  <li key={file}>
                    <Foreign text={file} mono />
                  </li>
                ))}
              </ul>
            )}
            {data.truncated === true && <p className="px-3 py-1 text-attention-ink">! It is longer than what is shown here.</p>}
            <UnifiedDiff diff={data.diff} label="What the run changed" />
          </Card>
        )
      }
    </Loaded>
  );
}

export function Reports({ runId }: { runId: string }) {
  const reports = useQuery({ queryKey: ["run", runId, "reports"], queryFn: ({ signal }) => client.runs.reports(runId, { limit: 100 }, { signal }).collect(200) });
  return (
    <Loaded query={reports} what="reports">
      {(data) =>
        data.length === 0 ? (
          <Empty title="There are no reports" />
        ) : (
          <div className="space-y-3">
            {data.map((report) => (
              <details key={report.name} className="card" open={data.length < 4}>
                <summary className="px-3 py-2 font-medium">
                  <Foreign text={report.name} mono />
                </summary>
                <Json value={report.data} />
              </details>
            ))}
          </div>
        )
      }
    </Loaded>
  );
}

export function Json({ value }: { value: unknown }) {
  const written = json(value);
  return (
    <div className="scroller max-h-[60dvh] border-t border-line bg-panel p-3" tabIndex={0} role="group" aria-label="As JSON">
      <code className="block font-mono text-sm">
        <Foreign text={written.length > 200_000 ? `${written.slice(0, 200_000)}\n… and ${written.length - 200_000} more characters` : written} className="break-words" />
      </code>
    </div>
  );
}

export function TestsOf({ runId }: { runId: string }) {
  const reports = useQuery({ queryKey: ["run", runId, "reports"], queryFn: ({ signal }) => client.runs.reports(runId, { limit: 100 }, { signal }).collect(200) });
  return (
    <Loaded query={reports} what="tests">
      {(data) => {
        const report = record(data.find(({ name }) => name === "test_report.json")?.data);
        if (report === undefined) return <Empty title="There is no test report">The run left none behind.</Empty>;
        const commands = Array.isArray(report["commands"]) ? report["commands"].map((each) => record(each)).filter((each) => each !== undefined) : [];
        return (
          <Card title="Tests" aside={<Foreign text={text(report["status"]) ?? "–"} />} flush>
            {commands.length === 0 ? (
              <Json value={report} />
            ) : (
              <div className="scroller" tabIndex={0} role="group" aria-label="Test commands">
                <table className="w-full">
                  <thead>
                    <tr className="border-b border-line text-sm text-muted">
                      <th scope="col" className="px-3 py-1">Result</th>
                      <th scope="col" className="px-3 py-1">Name</th>
                      <th scope="col" className="px-3 py-1">Command</th>
                    </tr>
                  </thead>
                  <tbody>
                    {commands.map((each, at) => {
                      const code = each["exit_code"];
                      return (
                        <tr key={at} className="border-b border-line align-top last:border-0">
                          <td className={cx("px-3 py-1 whitespace-nowrap", code === 0 ? "text-good-ink" : "text-bad-ink")}>
                            {code === 0 ? "✓ passed" : `✕ exit ${String(code ?? "not known")}`}
                          </td>
                          <td className="px-3 py-1"><Foreign text={text(each["name"]) ?? "–"} /></td>
                          <td className="px-3 py-1"><Foreign text={text(each["cmd"]) ?? "–"} mono /></td>
                        </tr>
                      );
                    })}
                  </tbody>
                </table>
              </div>
            )}
          </Card>
        );
      }}
    </Loaded>
  );
}

export function Contract({ run }: { run: Run }) {
  return (
    <Card title="Task contract" aside="what executing the task would go by; a person or an agent wrote it" flush>
      {Object.keys(record(run.contract) ?? {}).length === 0 ? <Empty title="It is missing or cannot be read" /> : <Json value={run.contract} />}
    </Card>
  );
}

const SUMS: Readonly<Record<string, { mark: string; words: string; ink: string }>> = {
  verified: { mark: "✓", words: "as recorded", ink: "text-good-ink" },
  altered: { mark: "✕", words: "altered", ink: "text-bad-ink" },
  missing: { mark: "!", words: "missing", ink: "text-attention-ink" },
  unlisted: { mark: "·", words: "not listed", ink: "text-muted" },
  unchecked: { mark: "·", words: "not checked", ink: "text-muted" },
};

/** How much of a file is shown: enough to see what it is. */
const SHOWN_BYTES = 64 * 1024;

export function Files({ runId, file }: { runId: string; file: string | undefined }) {
  const files = useQuery({ queryKey: ["run", runId, "files"], queryFn: ({ signal }) => client.runs.artifacts(runId, undefined, { signal }) });
  const content = useQuery({
    queryKey: ["run", runId, "file", file],
    enabled: file !== undefined,
    queryFn: async ({ signal }) => {
      const { bytes } = await client.runs.artifact(runId, file ?? "", { limit: SHOWN_BYTES }, { signal });
      return { bytes: bytes.length, text: new TextDecoder().decode(bytes) };
    },
  });
  return (
    <Loaded query={files} what="files">
      {(data) => {
        const rows = "artifacts" in data ? data.artifacts : [];
        if (rows.length === 0) return <Empty title="This run left no files behind" />;
        return (
          <div className="grid items-start gap-4 lg:grid-cols-2">
            <Card title={counted(rows.length, "file")} flush>
              <ul className="divide-y divide-line">
                {rows.map((row) => {
                  const sum = SUMS[row.checksum] ?? { mark: "·", words: row.checksum, ink: "text-muted" };
                  return (
                    <li key={row.name} className={cx("row grid grid-cols-2 gap-x-3 px-3 py-1 sm:grid-cols-[minmax(0,1fr)_7rem_5rem]", row.name === file && "bg-panel")}>
                      <Link to="/runs/$runId" params={{ runId }} search={{ tab: "files", file: row.name }} className="quiet-link col-span-2 min-w-0 sm:col-span-1">
                        <Line text={row.name} mono />
                      </Link>
                      <span className={sum.ink} title={row.sha256 ?? undefined}>
                        <span aria-hidden="true">{sum.mark} </span>
                        {sum.words}
                      </span>
                      <span className="text-right text-sm text-muted">{row.size_bytes == null ? "–" : size(row.size_bytes)}</span>
                    </li>
                  );
                })}
              </ul>
            </Card>
            {file !== undefined && (
              <AgentText title={`Content of ${file} – written by the run, shown as text`}>
                <Loaded query={content} what="the file">
                  {(found) => (
                    <>
                      <div className="scroller max-h-[70dvh]" tabIndex={0} role="group" aria-label="Content">
                        <Foreign text={found.text} mono />
                      </div>
                      {found.bytes >= SHOWN_BYTES && <p className="mt-1 text-sm text-muted">The first {size(SHOWN_BYTES)}.</p>}
                    </>
                  )}
                </Loaded>
              </AgentText>
            )}
          </div>
        );
      }}
    </Loaded>
  );
}
