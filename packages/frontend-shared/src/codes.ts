/** What a code means to whoever reads it on a screen. */

import { ERRORS, type ErrorCode, type Retry, type WhoCanAct } from "@cortexpilot/frontend-api-contract";

import type { Tone } from "./tone.js";

/** A refusal or failure in words. */
export interface Explanation {
  code: string;
  /** What it means. */
  meaning: string;
  /** What to do now; empty where nothing is known. */
  nextStep: string;
  /** Whether sending it again helps, in words. */
  again: string;
  /** Who can act, in words. */
  actor: string;
  tone: Tone;
}

/** Whether sending the same request again helps. */
export const RETRY_WORDS: Readonly<Record<Retry, string>> = {
  never: "Sending it again does not help: somebody must act first.",
  after_fix: "Correct the request, then send it again.",
  after_preview: "Look at a new preview, then decide again.",
  after_wait: "Wait, then send it again.",
};

/** Who can do something about it. */
export const ACTOR_WORDS: Readonly<Record<WhoCanAct, string>> = {
  you: "You can act.",
  operator: "An operator of this system must act.",
};

/** What was refused for now is not what went wrong. */
const BAD_FROM = 500;

/**
 * A code in words. Where the server's own refusal is at hand, its `reason` and `next_step` say more about the one case and go
 * first; this is for lists, histories and codes without an answer.
 */
export function explain(code: string): Explanation {
  if (Object.hasOwn(ERRORS, code)) {
    const row = ERRORS[code as ErrorCode];
    return {
      code,
      meaning: row.meaning,
      nextStep: row.nextStep,
      again: RETRY_WORDS[row.retry],
      actor: ACTOR_WORDS[row.whoCanAct],
      tone: row.status >= BAD_FROM ? "bad" : "attention",
    };
  }
  if (Object.hasOwn(CLIENT, code)) {
    const [meaning, nextStep] = CLIENT[code] as readonly [string, string];
    return { code, meaning, nextStep, again: RETRY_WORDS.after_wait, actor: ACTOR_WORDS.you, tone: "bad" };
  }
  const meaning = "This code is not one that this version knows.";
  return { code, meaning, nextStep: "", again: RETRY_WORDS.never, actor: ACTOR_WORDS.operator, tone: "attention" };
}

/** The codes of the client itself. */
const CLIENT: Readonly<Record<string, readonly [meaning: string, nextStep: string]>> = {
  CLIENT_NETWORK: ["No answer came: the control plane cannot be reached.", "Check that it runs, then try again."],
  CLIENT_TIMEOUT: ["No answer came in time.", "Try again, or allow more time."],
  CLIENT_STREAM_ENDED: ["The server ended the live view.", "Look whether you are still signed in, then open it again."],
  CLIENT_HTTP: ["What answered is not the control plane.", "Check the address and what stands in between."],
};
