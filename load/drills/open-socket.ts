// A WebSocket through a proxy, and how it ends.
import type { Member } from "../../test/harness/cluster.ts";
import type { ClusterPlace } from "../../test/harness/cluster-places.ts";
import { within } from "../../test/harness/until.ts";

export interface Ended {
  readonly code: number;
  readonly atMs: number;
}

/** Resolves when it is open. */
export async function openSocket(
  proxy: Member,
  { host }: ClusterPlace,
): Promise<{ readonly ended: Promise<Ended> }> {
  const url = (proxy.said.proxy ?? "").replace(/^http/, "ws");
  const socket = new WebSocket(url, { headers: { host } } as never);
  const ended = new Promise<Ended>((resolve) => {
    socket.onclose = ({ code }) => resolve({ code, atMs: performance.now() });
  });
  const opened = new Promise((resolve) => {
    socket.onopen = resolve;
  });
  await within(opened, "the WebSocket is open");
  return { ended };
}
