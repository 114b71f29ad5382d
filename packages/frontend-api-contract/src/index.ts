/** The HTTP contract of the control plane: types, codes, operations. `openapi.json` beside it is what the types are made from. */

import type { OperationId } from "./generated/contract.js";
import type { components, operations } from "./generated/schema.js";

export * from "./generated/contract.js";
export type { components, operations, paths } from "./generated/schema.js";

/** A component of the document, by its name. */
export type Schema<N extends keyof components["schemas"]> = components["schemas"][N];

/** An operation that the document describes. */
export type DescribedId = OperationId & keyof operations;

/** What an operation answers with 200, where that is JSON. */
export type AnswerOf<I extends DescribedId> = operations[I] extends {
  responses: { 200: { content: { "application/json": infer B } } };
}
  ? B
  : never;

/** An entry of what a list answers, as a plain array or as a page. */
export type EntryOf<I extends DescribedId> = EntryIn<AnswerOf<I>>;

type EntryIn<A> = A extends readonly (infer E)[] ? E : A extends { items: readonly (infer E)[] } ? E : never;

/** The query that an operation takes. */
export type QueryOf<I extends DescribedId> = operations[I] extends { parameters: { query?: infer Q } }
  ? Exclude<Q, undefined>
  : never;

/** The body that an operation takes. */
export type BodyOf<I extends DescribedId> = operations[I] extends {
  requestBody?: { content: { "application/json": infer B } };
}
  ? B
  : never;
