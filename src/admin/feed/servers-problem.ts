// Whether a node may ask for the servers that it names.
import { type StatusObject, status } from "@grpc/grpc-js";
import type { FeedPeer } from "./feed-peer.ts";

export type Problem = Pick<StatusObject, "code" | "details">;

/** Servers and listeners that a hello may name. */
const NAMES_MAX = 1_000;

/** `names`: how much the hello names in all. Null: it is well. */
export function serversProblem(
  servers: readonly string[],
  names: number,
  peer: FeedPeer,
): Problem | null {
  if (servers.length === 0 || names > NAMES_MAX) {
    return { code: status.INVALID_ARGUMENT, details: "the hello names no server, or too much" };
  }
  const foreign = servers.find((name) => !peer.servers.includes(name));
  if (foreign === undefined) return null;
  const details = `node ${peer.node} may not follow server ${foreign}: its own are ${peer.servers.join(", ")}`;
  return { code: status.PERMISSION_DENIED, details };
}
