/** How CortexPilot's states and codes are shown to people. */

export * from "./generated/states.js";
export { type Explanation, ACTOR_WORDS, RETRY_WORDS, explain } from "./codes.js";
export { type Moment, type MomentOptions, abbreviated, counted, duration, instant, moment, size } from "./format.js";
export {
  type AgentsMayQueue,
  type Look,
  AGENTS_MAY_QUEUE,
  APPROVAL_POLICY,
  APPROVAL_STATUS,
  OUTCOME,
  PRINCIPAL_KIND,
  QUEUE_STATE,
  QUEUE_STATUS,
  SLA_STATE,
  TOKEN_STATE,
  lookOf,
} from "./states.js";
export { type Colours, type Theme, type Tone, COLOURS, MARKS, PAGE, TONES, contrast, themeCss } from "./tone.js";
