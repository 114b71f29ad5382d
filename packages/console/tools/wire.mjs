/**
 * A piece of network between a browser and a server on this machine, which can be cut. It passes bytes and knows nothing of
 * what they mean.
 *
 * The server must answer to the wire's own address: start it with `CORTEXPILOT_API_ALLOWED_ORIGINS` set to `url`, then say
 * where it listens with `to(port)`.
 */

import { connect, createServer } from "node:net";

/** Opens one on a free port. */
export async function openWire() {
  const open = new Set();
  let target;
  let cut = false;
  const server = createServer((near) => {
    if (cut || target === undefined) return void near.destroy();
    const far = connect(target, "127.0.0.1");
    for (const [one, other] of [
      [near, far],
      [far, near],
    ]) {
      open.add(one);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        open.delete(one);
        other.destroy();
      });
    }
    near.pipe(far);
    far.pipe(near);
  });
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    /** Where it leads, from now on. */
    to(port) {
      target = port;
    },
    /** Breaks what is open and refuses what comes, as a network that is gone; with `false` all is well again. */
    cut(on) {
      cut = on;
      if (on) for (const socket of open) socket.destroy();
    },
    close() {
      for (const socket of open) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
