// Servers of tests: on 127.0.0.1, at a port that the system chooses.
import type { AddressInfo, Server } from "node:net";

/** Starts to listen; the port. */
export function listenLocally(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}
