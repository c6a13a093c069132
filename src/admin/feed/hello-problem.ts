// Whether what a node says of itself can be stored: its word goes into one table with that of all others.
import { type StatusObject, status } from "@grpc/grpc-js";
import type { FeedCursor, FeedHello } from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import { parseNetwork } from "../../policy/address.ts";
import { PROCESS_NAME } from "../../policy/process-name.ts";
import type { FeedPeer } from "./feed-peer.ts";

export type Problem = Pick<StatusObject, "code" | "details">;

/** Proxies below this level drop something that forbids, so that they would be open: they are not let in. */
const FEED_LEVEL_MIN = 1;
/** Servers and listeners that a hello may name. */
const NAMES_MAX = 1_000;
const PORT_MAX = 65_535;
/** A century: what is longer is for ever, and a proxy then says nothing of it. */
const LEASE_MAX_MS = 100n * 366n * 86_400_000n;

const lineageTag = /^([0-9a-f]{16})?$/;
/** A version or a random name. */
const word = /^[\x21-\x7e]{1,64}$/;
/** An address with a port, or the name of a program. */
const name = /^[\x21-\x7e]{1,300}$/;

/** Null: a process of this node may be called so, and serve these. `names`: how much its hello names in all. */
export function introductionProblem(
  { process, servers }: Pick<FeedHello, "process" | "servers">,
  names: number,
  peer: FeedPeer,
): Problem | null {
  if (servers.length === 0 || names > NAMES_MAX) {
    return invalid("the hello names no server, or too much");
  }
  if (!PROCESS_NAME.test(process)) {
    return invalid(`a process is named by letters, digits and -: ${PROCESS_NAME.source}`);
  }
  const foreign = servers.find((server) => !peer.servers.includes(server));
  if (foreign === undefined) return null;
  const details = `node ${peer.node} may not follow server ${foreign}: its own are ${peer.servers.join(", ")}; set REALMGATE_SERVER_NAME to one of these, or make a node for it (realmgate nodes create)`;
  return { code: status.PERMISSION_DENIED, details };
}

/** Null: the hello is well. */
export function helloProblem(hello: FeedHello, peer: FeedPeer): Problem | null {
  const { servers, listeners, version, boot, cursor, feedLevel, stalenessMs } = hello;
  const { addresses, containerNetworks } = hello;
  if (feedLevel < FEED_LEVEL_MIN) {
    const details = `the proxy's version (${version}) is too old for this control plane: upgrade it`;
    return { code: status.FAILED_PRECONDITION, details };
  }
  const ports = Object.entries(hello.programPorts);
  const lists = [servers, listeners, ports, addresses, containerNetworks];
  const names = lists.reduce((sum, list) => sum + list.length, 0);
  const problem = introductionProblem(hello, names, peer);
  if (problem !== null) return problem;
  const isWell =
    word.test(version) &&
    word.test(boot) &&
    listeners.every((each) => name.test(each)) &&
    ports.every(([program, port]) => name.test(program) && port >= 0 && port <= PORT_MAX) &&
    addresses.every((each) => name.test(each)) &&
    containerNetworks.every((each) => parseNetwork(each) !== null) &&
    (stalenessMs === undefined || (stalenessMs >= 0n && stalenessMs <= LEASE_MAX_MS)) &&
    (cursor === undefined || isCursor(cursor));
  return isWell ? null : invalid("the hello says something that no node says");
}

/** Whether it is a place that a database can have. */
export function isCursor({ revision, lineage }: Pick<FeedCursor, "revision" | "lineage">): boolean {
  return revision >= 0n && revision <= Number.MAX_SAFE_INTEGER && lineageTag.test(lineage);
}

function invalid(details: string): Problem {
  return { code: status.INVALID_ARGUMENT, details };
}
