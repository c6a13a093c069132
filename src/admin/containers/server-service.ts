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
import { type LocalProcess, type StoredHead, statusOf } from "../nodes/process-status.ts";
import type { NodeProcess } from "../store/node-records.ts";
import type { Server } from "../store/records.ts";
import type { Store } from "../store/store.ts";

export interface ServerServiceParts {
  readonly store: Store;
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
      async listServers(_request: unknown, { scope }: Context) {
        const [stored, processes, head] = await Promise.all([
          store.servers(),
          store.nodeProcesses(),
          store.head(),
        ]);
        const servers = stored.map((server) => {
          const own = processes.filter((each) => each.servers.includes(server.name));
          return messageOf(server, own, scope.confinedTo === null ? head : null, parts);
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
  if (local !== null) statuses.push("online");
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

function overall(statuses: readonly string[]): string {
  if (statuses.length === 0) return "unknown";
  if (statuses.every((status) => status === "offline")) return "offline";
  return statuses.every((status) => status === "online") ? "online" : "lagging";
}
