// ServerService: the servers of the installation, and how their proxies are.
import { create } from "@bufbuild/protobuf";
import {
  ListServersResponseSchema,
  type Server as ServerMessage,
  ServerSchema,
  ServerService,
} from "../../../proto/gen/realmgate/v1/servers_pb.ts";
import { containersDomain } from "../../policy/containers-domain.ts";
import type { Context, Implementation } from "../api/dispatch.ts";
import type { RevisionTokens } from "../api/revision.ts";
import { isOperator } from "../auth/caller.ts";
import {
  type LocalProcess,
  lagOf,
  progressOf,
  type StoredHead,
  statusOf,
  statusOfHeard,
} from "../nodes/process-status.ts";
import type { Enforced, NodeProcess } from "../store/node-records.ts";
import type { Server } from "../store/records.ts";
import type { Store } from "../store/store.ts";

export interface ServerServiceParts {
  readonly store: Store;
  readonly revisions: Pick<RevisionTokens, "seal">;
  /** The proxy of this process; null: there is none. */
  readonly localProcess: LocalProcess | null;
  /** The installation's domain; see REALMGATE_DOMAIN. */
  readonly domain: string;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}

export function serverService(parts: ServerServiceParts): Implementation {
  const { store } = parts;
  return {
    service: ServerService,
    methods: {
      async listServers(_request: unknown, { caller, scope }: Context) {
        const [stored, processes, head] = await Promise.all([
          store.servers(),
          store.nodeProcesses(),
          store.head(),
        ]);
        const servers = stored.map((server) => {
          const own = processes.filter((each) => each.servers.includes(server.name));
          const shown = scope.confinedTo === null ? head : null;
          return messageOf(server, own, { head: shown, operates: isOperator(caller) }, parts);
        });
        return { message: create(ListServersResponseSchema, { servers, total: servers.length }) };
      },
    },
  };
}

interface Viewer {
  /** Null for a caller who is confined to realms. How far the proxies are, and when they last said so, tells of everybody's writes. */
  readonly head: StoredHead | null;
  readonly operates: boolean;
}

function messageOf(
  { id, name, createdAt }: Server,
  processes: readonly NodeProcess[],
  { head, operates }: Viewer,
  { localProcess, revisions, domain, now }: ServerServiceParts,
): ServerMessage {
  const nowMs = now();
  const proxies = processes.map((each) => {
    const { version } = each;
    return { version, enforced: each as Enforced, status: statusOf(each, head, nowMs) };
  });
  if (localProcess?.serverName === name) {
    const enforced = localProcess.enforced();
    const { version } = localProcess;
    proxies.push({ version, enforced, status: statusOfHeard(enforced, head) });
  }
  const heardAt = processes
    .map((each) => each.heardAt)
    .sort()
    .at(-1);
  const heard = proxies.filter(({ status }) => status !== "offline");
  const farthest = head === null || !operates ? null : farthestOf(heard, head);
  return create(ServerSchema, {
    ...{ id, name, createdAt },
    ...(heardAt === undefined || head === null ? {} : { heardAt }),
    domain: containersDomain(name, domain),
    status: overall(proxies.map(({ status }) => status)),
    processes: proxies.length,
    enforcing: proxies.filter(({ status }) => status === "online").length,
    versions: [...new Set(proxies.map(({ version }) => version))].sort(),
    ...(head === null || farthest === null ? {} : progressOf(farthest, head, revisions)),
  });
}

/** Null: there is none. */
function farthestOf(
  heard: readonly { readonly enforced: Enforced }[],
  head: StoredHead,
): Enforced | null {
  const byLag = heard.toSorted(
    (one, other) => lagOf(other.enforced, head) - lagOf(one.enforced, head),
  );
  return byLag[0]?.enforced ?? null;
}

function overall(statuses: readonly string[]): string {
  if (statuses.length === 0) return "unknown";
  if (statuses.every((status) => status === "offline")) return "offline";
  return statuses.every((status) => status === "online") ? "online" : "lagging";
}
