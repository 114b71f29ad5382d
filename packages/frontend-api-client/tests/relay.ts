/** A relay on a port of its own that does to requests what networks do: loses answers, cuts streams, says nothing. */

import { type AddressInfo, type Server, type Socket, connect, createServer } from "node:net";

/**
 * What becomes of one request:
 * - `pass`: nothing;
 * - `lose`: the server carries it out, its answer is thrown away and the connection cut;
 * - `stall`: it reaches nobody, and nothing comes back;
 * - a number: the answer passes until so many events were in it, then the connection is cut.
 */
export type Fate = "pass" | "lose" | "stall" | number;

const hurried = (line: string): string => `retry: ${"1".padStart(line.length - "retry: ".length, "0")}`;

export class Relay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** The head of every request that came, in order. */
  readonly requests: string[] = [];
  /** Decides about a request by its first line and its number, from 0. */
  fate: (line: string, number: number) => Fate = () => "pass";
  /** Where requests go. */
  upstream: string;
  url = "";

  private constructor(upstream: string) {
    this.upstream = upstream;
    this.#server = createServer((client) => this.#serve(client));
  }

  static async to(upstream: string): Promise<Relay> {
    const relay = new Relay(upstream);
    await new Promise<void>((resolve) => relay.#server.listen(0, "127.0.0.1", resolve));
    relay.url = `http://127.0.0.1:${(relay.#server.address() as AddressInfo).port}`;
    return relay;
  }

  /** The value of a header in a request that came. */
  header(number: number, name: string): string | undefined {
    return new RegExp(`^${name}: *(.*?)\\r?$`, "im").exec(this.requests[number] ?? "")?.[1];
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(client: Socket): void {
    const target = new URL(this.upstream);
    const server = connect(Number(target.port), target.hostname);
    const both = [client, server];
    for (const socket of both) {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#sockets.delete(socket);
        for (const other of both) other.destroy();
      });
    }
    let fate: Fate = "pass";
    let events = 0;
    client.on("data", (piece) => {
      const text = piece.toString("latin1");
      if (/^(GET|POST|HEAD) \/\S* HTTP\/1\.1\r\n/.test(text)) {
        fate = this.fate(text.slice(0, text.indexOf("\r\n")), this.requests.length);
        events = 0;
        // The server answers to its own name alone.
        const head = text.replace(/^host: .*$/im, `host: ${target.host}`);
        this.requests.push(text);
        if (fate !== "stall") server.write(Buffer.from(head, "latin1"));
      } else if (fate !== "stall") server.write(piece);
    });
    server.on("data", (given) => {
      // Streams are to be opened anew at once, not after the pause that the server asks for; the length stays.
      const piece = Buffer.from(given.toString("latin1").replace(/^retry: \d+$/m, hurried), "latin1");
      if (fate === "lose") {
        client.destroy();
        return;
      }
      if (typeof fate !== "number") {
        client.write(piece);
        return;
      }
      // Cut in the middle of the event after the last one that may pass.
      const text = piece.toString("latin1");
      const found = [...text.matchAll(/^data:/gm)];
      const over = found[fate - events];
      if (over === undefined) {
        events += found.length;
        client.write(piece);
        return;
      }
      client.write(piece.subarray(0, over.index + "data: {".length), () => client.destroy());
    });
  }
}
