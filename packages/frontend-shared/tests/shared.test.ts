import assert from "node:assert/strict";
import { test } from "node:test";

import { ERROR_CODES } from "@cortexpilot/frontend-api-contract";
import {
  AGENTS_MAY_QUEUE,
  APPROVAL_POLICIES,
  APPROVAL_POLICY,
  APPROVAL_STATUS,
  APPROVAL_STATUSES,
  COLOURS,
  GATES,
  GATE_NAMES,
  MARKS,
  OUTCOME,
  OUTCOME_TYPES,
  PAGE,
  PRINCIPAL_KIND,
  PRINCIPAL_KINDS,
  QUEUE_STATE,
  QUEUE_STATES,
  QUEUE_STATUS,
  QUEUE_STATUSES,
  SLA_STATE,
  SLA_STATES,
  TOKEN_STATE,
  TOKEN_STATES,
  TONES,
  abbreviated,
  contrast,
  counted,
  duration,
  explain,
  lookOf,
  moment,
  size,
  themeCss,
} from "@cortexpilot/frontend-shared";

test("text can be read on its ground and on the page, and edges can be seen, in both themes", () => {
  for (const theme of ["light", "dark"] as const) {
    const page = PAGE[theme];
    assert.ok(contrast(page.text, page.ground) >= 7, theme);
    for (const tone of TONES) {
      const { text, ground, edge } = COLOURS[theme][tone];
      for (const behind of [ground, page.ground]) {
        assert.ok(contrast(text, behind) >= 4.5, `${theme} ${tone}: ${contrast(text, behind).toFixed(2)}`);
      }
      assert.ok(contrast(page.text, ground) >= 4.5, `${theme} ${tone}: the page's text on it`);
      assert.ok(contrast(edge, page.ground) >= 3, `${theme} ${tone} edge: ${contrast(edge, page.ground).toFixed(2)}`);
    }
  }
});

test("contrast is WCAG's", () => {
  assert.equal(contrast("#000000", "#ffffff"), 21);
  assert.equal(contrast("#777777", "#777777"), 1);
  // The two greys around the limit that WCAG's own understanding documents name.
  assert.ok(contrast("#767676", "#ffffff") >= 4.5 && contrast("#777777", "#ffffff") < 4.5);
  assert.throws(() => contrast("red", "#ffffff"), TypeError);
});

test("every state of the product has its own words, and no label is told by colour alone", () => {
  assert.equal(new Set(Object.values(MARKS)).size, TONES.length);
  for (const [words, table] of [
    [QUEUE_STATUSES, QUEUE_STATUS],
    [QUEUE_STATES, QUEUE_STATE],
    [SLA_STATES, SLA_STATE],
    [OUTCOME_TYPES, OUTCOME],
    [APPROVAL_STATUSES, APPROVAL_STATUS],
    [APPROVAL_POLICIES, APPROVAL_POLICY],
    [PRINCIPAL_KINDS, PRINCIPAL_KIND],
    [TOKEN_STATES, TOKEN_STATE],
    [Object.keys(AGENTS_MAY_QUEUE), AGENTS_MAY_QUEUE],
  ] as [readonly string[], Record<string, { label: string; about: string }>][]) {
    assert.deepEqual(Object.keys(table).sort(), [...words].sort());
    const labels = Object.values(table).map((look) => look.label);
    assert.equal(new Set(labels).size, labels.length, labels.join(", "));
    for (const look of Object.values(table)) assert.match(look.about, /^[A-Z].*\.$/);
  }
  assert.deepEqual(GATE_NAMES.map((name) => GATES[name].number), GATE_NAMES.map((_, at) => at + 1));
});

test("a state that is not known is shown as it is", () => {
  assert.equal(lookOf(QUEUE_STATUS, "PENDING").label, "Pending");
  assert.deepEqual([lookOf(QUEUE_STATUS, "DONE").label, lookOf(QUEUE_STATUS, "").label], ["DONE", "Not known"]);
  assert.equal(lookOf(QUEUE_STATUS, "toString").label, "toString", "an object's own members are no states");
});

test("every code is explained, the client's own and unknown ones too", () => {
  for (const code of [...ERROR_CODES, "CLIENT_NETWORK", "CLIENT_TIMEOUT", "CLIENT_HTTP", "CLIENT_STREAM_ENDED"]) {
    const said = explain(code);
    assert.ok(said.meaning !== "" && said.nextStep !== "" && said.again !== "" && said.actor !== "", code);
  }
  assert.deepEqual([explain("INTERNAL").tone, explain("CONFIRM_REQUIRED").tone], ["bad", "attention"]);
  assert.match(explain("SOMETHING_NEW").meaning, /not one that this version knows/);
  assert.match(explain("constructor").meaning, /not one that this version knows/);
});

test("a moment is told from now and by the calendar", () => {
  const now = new Date("2026-11-22T12:00:00Z");
  const at = (text: string, timeZone?: string): string | undefined => {
    const said = moment(text, { now, ...(timeZone === undefined ? {} : { timeZone }) });
    return said && `${said.relative} | ${said.absolute}`;
  };
  for (const [text, said] of [
    ["2026-11-22T12:00:03.5+00:00", "now | 2026-11-22 12:00:03 UTC"],
    ["2026-11-22T11:59:50.000000+00:00", "10 seconds ago | 2026-11-22 11:59:50 UTC"],
    ["2026-11-22T11:59:00Z", "1 minute ago | 2026-11-22 11:59:00 UTC"],
    ["2026-11-22T15:30:00+01:00", "in 2 hours | 2026-11-22 14:30:00 UTC"],
    ["2026-11-19T12:00:00Z", "3 days ago | 2026-11-19 12:00:00 UTC"],
    ["2026-11-23T00:00:00Z", "in 12 hours | 2026-11-23 00:00:00 UTC"],
  ] as const) {
    assert.equal(at(text), said);
  }
  assert.equal(at("2026-11-22T11:00:00Z", "Asia/Tokyo"), "1 hour ago | 2026-11-22 20:00:00 GMT+9");
  for (const none of ["", "soon", "2026-11-22", "2026-11-22T12:00:00", "2026-13-40T99:00:00Z", "12"]) {
    assert.equal(at(none), undefined, none);
  }
  assert.equal(moment(null, { now }), undefined);
});

test("durations have their two largest units", () => {
  for (const [ms, long, short] of [
    [0, "0 milliseconds", "0 ms"],
    [1, "1 millisecond", "1 ms"],
    [999.4, "999 milliseconds", "999 ms"],
    [1000, "1 second", "1 s"],
    [63_500, "1 minute 3 seconds", "1 min 3 s"],
    [3_600_000, "1 hour", "1 h"],
    [3_605_000, "1 hour", "1 h"],
    [7_500_000, "2 hours 5 minutes", "2 h 5 min"],
    [90_000_000, "1 day 1 hour", "1 d 1 h"],
  ] as const) {
    assert.deepEqual([duration(ms), duration(ms, "short")], [long, short]);
  }
  for (const none of [-1, Number.NaN, Number.POSITIVE_INFINITY]) assert.equal(duration(none), undefined);
});

test("sizes, counts and digests are short and mean one thing", () => {
  assert.deepEqual([0, 812, 1023, 1024, 1_500_000, 1024 ** 3 - 1, 5 * 1024 ** 4].map(size), [
    "0 B",
    "812 B",
    "1023 B",
    "1.0 KiB",
    "1.4 MiB",
    "1.0 GiB",
    "5.0 TiB",
  ]);
  assert.equal(size(-1), undefined);
  assert.deepEqual([counted(1, "item"), counted(0, "item"), counted(2, "entry", "entries")], ["1 item", "0 items", "2 entries"]);
  assert.deepEqual([abbreviated("0123456789abcdef"), abbreviated("0123456789abc")], ["012345…abcdef", "0123456789abc"]);
});

test("the style sheet has every colour in every theme", () => {
  const css = themeCss();
  for (const theme of ["light", "dark"] as const) {
    for (const tone of TONES) {
      for (const part of ["text", "ground", "edge"] as const) {
        assert.ok(css.includes(`--cortexpilot-${tone}-${part}: ${COLOURS[theme][tone][part]};`));
      }
    }
  }
});
