/** The whole ledger recomputed in this browser, evidence to take away, and evidence that somebody brought. */

import { useQuery } from "@tanstack/react-query";
import { useId, useState } from "react";

import { client } from "../data/client.js";
import { type Verified, setPref, usePref } from "../data/prefs.js";
import { ledgerQuery } from "../data/queries.js";
import { type Checkpoint, type RawLine as Line, bundleOf, judgeFile, judgeLedger, keyFor } from "../lib/evidence.js";
import { type Step, canVerify } from "../lib/verify.js";
import { Button, Card, Facts, Id, Notice, Time } from "../ui/basic.js";
import { Failed, Loaded } from "../ui/states.js";
import { Steps } from "./proof.js";

/** More lines than this are the command line's: a page that holds them all would be slow for nothing. */
const LINES_MAX = 50_000;

const FILES = ["queue", "decisions"] as const;
type FileName = (typeof FILES)[number];

/** Every line of a file, as it stands there. */
async function linesOf(file: FileName, progress: (done: number) => void): Promise<Line[]> {
  const lines: Line[] = [];
  for await (const entry of client.ledger.entries({ file, order: "oldest", limit: 500 })) {
    lines.push({ seq: entry.seq, line: entry.line ?? null, h: entry.h ?? null });
    if (lines.length % 500 === 0) progress(lines.length);
    if (lines.length > LINES_MAX) throw new Error(`There are more than ${LINES_MAX.toLocaleString("en")} lines: use \`cortexpilot audit verify\`, which is made for that.`);
  }
  return lines;
}

/** The last checkpoint of each file. Asked for after the lines, it would cover lines that are not there yet. */
async function checkpointsOf(): Promise<(file: FileName) => Checkpoint | undefined> {
  const kept = await client.ledger.checkpoints();
  return (file) => {
    const found = kept.find((each) => each.file === `${file}.jsonl`);
    return found && { note: found.note, key: found.key };
  };
}

export function Verify() {
  const ledger = useQuery(ledgerQuery);
  const noted = usePref("auditKey");
  const [steps, setSteps] = useState<Step[]>();
  const [fileSteps, setFileSteps] = useState<Step[]>();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState("");
  const [done, setDone] = useState(0);
  const id = useId();
  const cannot = canVerify() ? undefined : "A page over plain HTTP from another machine may not compute this: use https, or this machine.";

  const run = async (what: string, act: () => Promise<void>): Promise<void> => {
    setBusy(what);
    setError(undefined);
    setDone(0);
    try {
      await act();
    } catch (caught) {
      setError(caught);
    } finally {
      setBusy("");
    }
  };
  const verify = async (): Promise<void> => {
    const checkpoints = await checkpointsOf();
    const found: Step[] = [];
    let count = 0;
    for (const file of FILES) {
      const lines = await linesOf(file, setDone);
      const checkpoint = checkpoints(file);
      found.push(...(await judgeLedger(`${file}.jsonl`, lines, checkpoint, checkpoint && keyFor(checkpoint.key, noted), setDone)));
      if (file === "queue") count = lines.length;
    }
    setSteps(found);
    const holds = found.every((step) => step.holds !== false);
    setPref("verified", JSON.stringify({ lines: count, at: new Date().toISOString(), holds } satisfies Verified));
  };
  const save = (): Promise<void> =>
    run("export", async () => {
      const checkpoints = await checkpointsOf();
      const sections: string[] = [];
      for (const file of FILES) {
        const checkpoint = checkpoints(file);
        if (checkpoint !== undefined) sections.push(bundleOf(await linesOf(file, setDone), checkpoint));
      }
      if (sections.length === 0) throw new Error("Nothing is signed here, so there is nothing that would verify elsewhere. An operator makes the key once: `cortexpilot audit init-key --name NAME`.");
      const at = URL.createObjectURL(new Blob(sections, { type: "application/jsonl" }));
      const link = document.createElement("a");
      link.href = at;
      link.download = "evidence.jsonl";
      link.click();
      URL.revokeObjectURL(at);
    });
  return (
    <div className="grid items-start gap-4 lg:grid-cols-2">
      <Card title="How it stands">
        <Loaded query={ledger} what="the ledger">
          {({ standing }) => (
            <div className="space-y-3">
              {!standing.sound && (
                <Notice tone="bad" title={`Writes are refused: ${standing.refuses_writes ?? "damaged"}`}>
                  <ul>
                    {standing.problems.map((problem, at) => (
                      <li key={at}>
                        {problem.file} line {problem.line}: {problem.problem}
                      </li>
                    ))}
                  </ul>
                </Notice>
              )}
              {[standing.queue, standing.decisions].map((file) => (
                <div key={file.file}>
                  <h3 className="font-mono">{file.file}</h3>
                  <Facts
                    rows={[
                      ["Lines", file.lines.toLocaleString("en")],
                      ["Last hash", <Id key="h" id={file.h} />],
                      ["Signed up to", file.checkpoint && file.checkpoint.size > 0 ? <span key="c">line {file.checkpoint.size.toLocaleString("en")}, <Time at={file.checkpoint.signed_at} /></span> : "nothing yet"],
                      file.checkpoint ? ["Key", <Id key="k" id={file.checkpoint.key} ends={16} />] : undefined,
                    ]}
                  />
                </div>
              ))}
              {standing.signing === "no_key" && (
                <p className="text-sm text-muted">
                  There is no audit key, so lines are chained but not signed. Make it once: <code className="font-mono">cortexpilot audit init-key --name NAME</code>
                </p>
              )}
            </div>
          )}
        </Loaded>
      </Card>
      <div className="space-y-4">
        <Card title="Verify here">
          <div className="space-y-3">
            <p className="text-muted">
              Fetches every line of both files and recomputes chains, trees and signatures in this browser. It trusts the server for nothing but handing over lines.
            </p>
            <div>
              <label htmlFor={id} className="mb-1 block font-medium">
                Public key that you noted
              </label>
              <input
                id={id}
                className="field font-mono text-sm"
                placeholder="NAME+ID+BASE64"
                spellCheck={false}
                autoComplete="off"
                value={noted}
                onChange={(change) => setPref("auditKey", change.target.value.trim())}
              />
              <p className="mt-1 text-sm text-muted">Kept in this browser. Without it the server’s own is taken, which cannot show whose the ledger is.</p>
            </div>
            <div className="flex flex-wrap gap-2">
              <Button kind="main" why={cannot} busy={busy === "verify"} onClick={() => void run("verify", verify)}>
                Verify the ledger
              </Button>
              <Button busy={busy === "export"} onClick={() => void save()}>
                Export evidence
              </Button>
            </div>
            {busy !== "" && busy !== "file" && (
              <p role="status" className="text-sm text-muted">
                {done.toLocaleString("en")} lines…
              </p>
            )}
            {error !== undefined && <Failed error={error} title="That did not work" />}
            {steps !== undefined && <Steps steps={steps} />}
          </div>
        </Card>
        <Card title="Verify a file">
          <div className="space-y-3">
            <p className="text-muted">An evidence file or a receipt that somebody gave you. It stays in this browser, and no server is asked.</p>
            <label className="block">
              <span className="sr-only">Evidence file or receipt</span>
              <input
                type="file"
                className="field"
                onChange={(change) => {
                  const [file] = change.target.files ?? [];
                  setFileSteps(undefined);
                  if (file !== undefined) void run("file", async () => setFileSteps(await judgeFile(await file.text(), noted)));
                }}
              />
            </label>
            {fileSteps !== undefined && <Steps steps={fileSteps} />}
          </div>
        </Card>
      </div>
    </div>
  );
}
