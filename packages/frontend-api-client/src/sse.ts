/** The text form of event streams (HTML Living Standard, 9.2.6), read piece by piece. */

/** One event as it stands in a stream. */
export interface RawEvent {
  /** Its name; `message` where none was given. */
  event: string;
  /** Its data, lines joined. */
  data: string;
  /** The last id that the stream gave, which may be an earlier event's; empty where none was given. */
  id: string;
}

/** A stream holds one event at a time; one beyond this is not the control plane's. In characters. */
const EVENT_CHARS_MAX = 16 * 1024 * 1024;

/** Reads a stream's text, however it was cut into pieces. */
export class EventParser {
  #rest = "";
  #endedWithCr = false;
  #started = false;
  #event = "";
  #data: string[] = [];
  #held = 0;
  #id: string;
  #position: string;
  #retryMs: number | undefined;

  /** `id` is where the stream before this one ended. */
  constructor(id = "") {
    this.#id = id;
    this.#position = id;
  }

  /** Where to go on from: the id of the last event that came whole. */
  get position(): string {
    return this.#position;
  }

  /** The pause that the server asks for before coming back, in milliseconds. */
  get retryMs(): number | undefined {
    return this.#retryMs;
  }

  /** Takes a piece of text and gives the events that are whole with it. What is not whole at the end is dropped, as it must. */
  push(piece: string): RawEvent[] {
    let text = piece;
    if (!this.#started && text !== "") {
      this.#started = true;
      if (text.startsWith("\ufeff")) text = text.slice(1);
    }
    // A line may end with CR LF, and the piece between the two.
    if (this.#endedWithCr && text.startsWith("\n")) text = text.slice(1);
    if (piece !== "") this.#endedWithCr = piece.endsWith("\r");
    const lines = (this.#rest + text).split(/\r\n|\n|\r/);
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length + this.#held > EVENT_CHARS_MAX) throw new RangeError("An event of the stream is too large");
    const events: RawEvent[] = [];
    for (const line of lines) {
      const event = this.#line(line);
      if (event !== undefined) events.push(event);
    }
    return events;
  }

  #line(line: string): RawEvent | undefined {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return undefined;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "data") {
      this.#data.push(value);
      this.#held += value.length;
    } else if (field === "event") this.#event = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    else if (field === "retry" && /^\d{1,9}$/.test(value)) this.#retryMs = Number(value);
    return undefined;
  }

  #dispatch(): RawEvent | undefined {
    const event = { event: this.#event === "" ? "message" : this.#event, data: this.#data.join("\n"), id: this.#id };
    const empty = this.#data.length === 0;
    this.#position = this.#id;
    this.#event = "";
    this.#data = [];
    this.#held = 0;
    return empty ? undefined : event;
  }
}
