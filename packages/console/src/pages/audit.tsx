/** What happened, in a person's words, line by line; and the means to check it without trusting who shows it. */

import { getRouteApi } from "@tanstack/react-router";

import { Title } from "../app/frame.js";
import { CopyAs } from "../ui/command.js";
import { Tabs } from "../ui/tabs.js";
import { Timeline } from "./audit-timeline.js";
import { Verify } from "./audit-verify.js";

const page = getRouteApi("/audit");

export function Audit() {
  const { tab = "timeline", event = "", q = "" } = page.useSearch();
  return (
    <>
      <Title name="Audit" aside={<CopyAs command={["audit", "verify"]} http={{ method: "GET", path: "/api/ledger" }} />}>
        Audit
      </Title>
      <Tabs
        label="Parts of the audit"
        here={tab}
        to={(id) => ({ to: "/audit", search: { tab: id } })}
        tabs={[
          { id: "timeline", label: "Timeline" },
          { id: "verify", label: "Verify and export" },
        ]}
      />
      {tab === "verify" ? <Verify /> : <Timeline event={event} q={q} />}
    </>
  );
}
