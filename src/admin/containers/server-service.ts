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
import { enforcedToken, type RevisionTokens } from "../api/revision.ts";
import { isOperator } from "../auth/caller.ts";
import {
  enforces,
  type LocalProcess,
  lagOf,
  type ProcessStatus,
  type StoredHead,
  statusOf,
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
          const message = messageOf(server, own, shown, parts);
          if (shown === null || !isOperator(caller)) return message;
          return { ...message, ...progressOf(server, own, shown, parts) };
        });
        return { message: create(ListServersResponseSchema, { servers, total: servers.length }) };
      },
    },
  };
}

/** `head`: null for a caller who is confined to realms. How far the proxies are, and when they last said so, tells of everybody's writes. */
function messageOf(
  { id, name, createdAt }: Server,
  processes: readonly NodeProcess[],
  head: StoredHead | null,
  { localProcess, domain, now }: ServerServiceParts,
): ServerMessage {
  const statuses = processes.map((each) => statusOf(each, head, now()));
  const local = localProcess?.serverName === name ? localProcess : null;
  if (local !== null) statuses.push(localStatus(local, head));
  const versions = [
    ...processes.map(({ version }) => version),
    ...(local === null ? [] : [local.version]),
  ];
  const heardAt = processes
    .map((each) => each.heardAt)
    .sort()
    .at(-1);
  return create(ServerSchema, {
    ...{ id, name, createdAt },
    ...(heardAt === undefined || head === null ? {} : { heardAt }),
    domain: containersDomain(name, domain),
    status: overall(statuses),
    processes: statuses.length,
    enforcing: statuses.filter((status) => status === "online").length,
    versions: [...new Set(versions)].sort(),
  });
}

function localStatus(local: LocalProcess, head: StoredHead | null): ProcessStatus {
  if (head === null) return "online";
  return enforces(local.enforced(), head.revision, head.lineages) ? "online" : "lagging";
}

/** What the farthest of those that are heard enforces. */
function progressOf(
  { name }: Server,
  processes: readonly NodeProcess[],
  head: StoredHead,
  { localProcess, revisions, now }: ServerServiceParts,
): Pick<ServerMessage, "enforcedRevision" | "lag"> {
  const heard: Enforced[] = processes.filter((each) => statusOf(each, head, now()) !== "offline");
  if (localProcess?.serverName === name) heard.push(localProcess.enforced());
  const [farthest] = heard.toSorted((one, other) => lagOf(other, head) - lagOf(one, head));
  if (farthest === undefined) return {};
  const enforcedRevision = enforcedToken(farthest, revisions);
  return {
    ...(enforcedRevision === null ? {} : { enforcedRevision }),
    lag: lagOf(farthest, head),
  };
}

function overall(statuses: readonly string[]): string {
  if (statuses.length === 0) return "unknown";
  if (statuses.every((status) => status === "offline")) return "offline";
  return statuses.every((status) => status === "online") ? "online" : "lagging";
}
