/** What holds on this server, what this browser remembers, and how a reading agent is connected. */

import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { GateFacts } from "../app/gate-panel.js";
import { Title } from "../app/frame.js";
import { client } from "../data/client.js";
import { setPref, usePref } from "../data/prefs.js";
import { gateQuery, useSession } from "../data/queries.js";
import { Card, Copy, Facts, Foreign } from "../ui/basic.js";
import { CopyAs } from "../ui/command.js";
import { type Asked, ReasonDialog } from "../ui/reason.js";
import { Loaded } from "../ui/states.js";

export function Settings() {
  const session = useSession();
  const gate = useQuery(gateQuery);
  const [asked, ask] = useState<Asked>();
  const config = useQuery({ queryKey: ["config"], queryFn: ({ signal }) => client.config.list({ signal }), staleTime: 60_000 });
  return (
    <>
      <Title name="Settings" aside={<CopyAs command={["config", "show", "--origin"]} http={{ method: "GET", path: "/api/config" }} />}>
        Settings
      </Title>
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <div className="min-w-0 space-y-4">
          <Card title="Agents may queue" aside={gate.data?.agents_may_queue}>
            <Loaded query={gate} what="the gate">
              {(data) => <GateFacts standing={data} ask={ask} />}
            </Loaded>
          </Card>
          <Card title="This server’s configuration" aside={`version ${session.version}`} flush>
            <Loaded query={config} what="the configuration">
              {(data) => <Configuration settings={data} />}
            </Loaded>
          </Card>
        </div>
        <div className="min-w-0 space-y-4">
          <Card title="This browser">
            <div className="space-y-3">
              <Choice name="theme" label="Theme" options={[["system", "As the system"], ["light", "Light"], ["dark", "Dark"]]} />
              <Choice name="zone" label="Times" options={[["local", `In this browser’s zone (${Intl.DateTimeFormat().resolvedOptions().timeZone})`], ["UTC", "In UTC, as the ledger"]]} />
              <Choice name="keys" label="Single-key shortcuts" options={[["on", "On"], ["off", "Off"]]} />
              {session.roles.length > 1 && <Choice name="role" label="Act in role" options={session.roles.map((role) => [role, role])} fallback={session.roles[0] ?? ""} />}
            </div>
          </Card>
          <Connect />
          <Card title="Keys">
            <Facts
              rows={[
                ["Everywhere", <span key="e"><kbd>?</kbd> shows all keys</span>],
                ["To a page", <span key="p"><kbd>g</kbd> and its letter, as in <kbd>g</kbd> <kbd>q</kbd></span>],
              ]}
            />
          </Card>
        </div>
      </div>
      <ReasonDialog asked={asked} close={() => ask(undefined)} />
    </>
  );
}

type Setting = Awaited<ReturnType<typeof client.config.list>>[number];

/** Each value and where it came from. Of a secret nobody is told more than that it is set. */
function Configuration({ settings }: { settings: readonly Setting[] }) {
  const [all, setAll] = useState(false);
  const own = settings.filter((row) => row.origin !== "default");
  const shown = all ? settings : own;
  return (
    <>
      <div className="scroller" tabIndex={0} role="group" aria-label="Configuration">
        <table className="w-full">
          <thead>
            <tr className="border-b border-line text-sm text-muted">
              <th scope="col" className="px-3 py-1">Setting</th>
              <th scope="col" className="px-3 py-1">Value</th>
              <th scope="col" className="px-3 py-1">From</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <tr key={row.variable} className="border-b border-line align-top last:border-0">
                <th scope="row" className="px-3 py-1 font-mono text-sm font-normal break-all">{row.variable}</th>
                <td className="px-3 py-1">
                  {row.secret && row.value !== "" ? <span className="text-muted">set, and not shown</span> : row.value === "" ? <span className="text-muted">–</span> : <Foreign text={row.value} mono />}
                </td>
                <td className="min-w-28 px-3 py-1 text-muted"><Foreign text={row.origin} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <label className="flex items-center gap-1.5 border-t border-line px-3 py-2 text-sm">
        <input type="checkbox" checked={all} onChange={(change) => setAll(change.target.checked)} />
        show the {settings.length - own.length} that are as by default too
      </label>
    </>
  );
}

/** What `cortexpilot mcp install` does for each client, as the program itself says it. */
function Connect() {
  const clients = useQuery({ queryKey: ["config", "clients"], queryFn: ({ signal }) => client.config.clients({ signal }), staleTime: 60_000 });
  const [chosen, choose] = useState("");
  return (
    <Card title="Connect an agent that reads" aside="read-only MCP">
      <div className="space-y-3">
        <p className="text-muted">The read-only server shows runs and the queue to an MCP client and can change nothing. Nothing on this page gives an agent more than that.</p>
        <Loaded query={clients} what="clients">
          {(data) => {
            const keyOf = (each: (typeof data)[number]): string => `${each.client} ${each.scope}`;
            const entry = data.find((each) => keyOf(each) === chosen) ?? data[0];
            if (entry === undefined) return null;
            return (
              <>
                <label className="flex flex-wrap items-center gap-2">
                  Client
                  <select className="field w-auto" value={keyOf(entry)} onChange={(event) => choose(event.target.value)}>
                    {data.map((each) => (
                      <option key={keyOf(each)} value={keyOf(each)}>
                        {each.title}, {each.scope === "user" ? "in all your projects" : "in this project"}
                      </option>
                    ))}
                  </select>
                </label>
                <Snippet
                  text={entry.command}
                  about={
                    entry.written
                      ? "Where this server runs: writes the entry, keeps a copy of the file, and changes nothing else in it. With --print in place of --write it only shows it."
                      : "Where this server runs: prints the entry. This client’s file is not written for you."
                  }
                />
                {entry.client_command !== null && entry.client_command !== undefined && <Snippet text={entry.client_command} about="The same with the client’s own command." />}
                <Snippet text={entry.text} about={`What then stands in ${entry.file}.`} />
              </>
            );
          }}
        </Loaded>
      </div>
    </Card>
  );
}

function Choice({ name, label, options, fallback }: { name: "theme" | "zone" | "keys" | "role"; label: string; options: readonly (readonly [string, string])[]; fallback?: string }): ReactNode {
  const chosen = usePref(name) || fallback;
  return (
    <fieldset>
      <legend className="mb-1 font-medium">{label}</legend>
      <div className="flex flex-wrap gap-x-4 gap-y-1">
        {options.map(([value, words]) => (
          <label key={value} className="flex items-center gap-1.5">
            <input type="radio" name={name} value={value} checked={chosen === value} onChange={() => setPref(name, value)} />
            {words}
          </label>
        ))}
      </div>
    </fieldset>
  );
}

function Snippet({ text, about }: { text: string; about: string }) {
  return (
    <div>
      <div className="scroller flex items-start gap-2 rounded-md border border-line bg-panel p-2" tabIndex={0} role="group" aria-label="To copy">
        <code className="min-w-0 grow font-mono text-sm whitespace-pre-wrap">{text}</code>
        <Copy text={text} label="Copy" />
      </div>
      <p className="mt-0.5 text-sm text-muted">{about}</p>
    </div>
  );
}
