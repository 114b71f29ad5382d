/** Sends what changes something. */

import type { AnswerOf } from "@cortexpilot/frontend-api-contract";

import { type ControlPlaneClient, transportOf } from "./client.js";
import { WRITES, type WriteId } from "./paths.js";
import type { Repeatable } from "./retry.js";
import type { WriteOptions } from "./transport.js";

/** What a call takes whose answer can bring a receipt along. */
export interface ReceiptOptions extends WriteOptions {
  /** Ask for the proof that the line is under a signed checkpoint: the answer then has `receipt`, or says why not. */
  receipt?: boolean;
}

export async function send<I extends WriteId>(
  client: ControlPlaneClient,
  operation: I,
  params: Readonly<Record<string, string>>,
  body: object,
  repeatable: Repeatable,
  options: ReceiptOptions | undefined,
): Promise<AnswerOf<I>> {
  const call = {
    operation,
    method: "POST",
    path: WRITES[operation],
    params,
    body,
    repeatable,
    options,
    headers: options?.receipt === true ? { prefer: "receipt" } : {},
  } as const;
  return (await transportOf(client).json<AnswerOf<I>>(call)).data;
}
