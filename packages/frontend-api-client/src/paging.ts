/** Lists: one page, or everything page by page. */

/** Something that could not be read, beside all that could. */
export interface ListProblem {
  /** The file. */
  file: string;
  /** The line, from 1, in a file of lines. */
  line?: number;
  /** What is wrong with it. */
  problem: string;
}

/** One page of a list. */
export interface Page<T> {
  items: T[];
  /** Where the next page begins; `null` on the last one. */
  next_cursor: string | null;
  /** What could not be read; left out while there is nothing. */
  problems?: ListProblem[];
}

/**
 * A list that was asked for: `await` it for one page, go through it with `for await` for every entry.
 *
 * Nothing is sent before that, and no page is fetched ahead: whoever stops looking stops asking. Every `await` and every
 * loop asks anew.
 */
export class List<T> implements PromiseLike<Page<T>>, AsyncIterable<T> {
  readonly #fetchPage: (cursor: string) => Promise<Page<T>>;
  readonly #first: string;

  constructor(first: string, fetchPage: (cursor: string) => Promise<Page<T>>) {
    this.#first = first;
    this.#fetchPage = fetchPage;
  }

  /** The page that was asked for. */
  then<A = Page<T>, B = never>(
    fulfilled?: ((page: Page<T>) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#fetchPage(this.#first).then(fulfilled, rejected);
  }

  /** Every page, from the one that was asked for. */
  async *pages(): AsyncGenerator<Page<T>, void, undefined> {
    let cursor = this.#first;
    for (;;) {
      const page = await this.#fetchPage(cursor);
      yield page;
      if (page.next_cursor === null) return;
      // A list that leads back to where it was would never end.
      if (page.next_cursor === cursor) throw new Error("the list gave out the same cursor twice");
      cursor = page.next_cursor;
    }
  }

  /** Every entry, from the page that was asked for. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for await (const page of this.pages()) yield* page.items;
  }

  /** Every entry as an array; at most `max`, for whoever does not know how long the list is. */
  async collect(max = Number.POSITIVE_INFINITY): Promise<T[]> {
    const all: T[] = [];
    if (max <= 0) return all;
    for await (const entry of this) {
      all.push(entry);
      if (all.length >= max) break;
    }
    return all;
  }
}
