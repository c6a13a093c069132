// ContainerConnectionService: what is open at a container now, and ending it.
import { create } from "@bufbuild/protobuf";
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import {
  ContainerConnectionService,
  type EndConnectionRequest,
  type EndConnectionsRequest,
  EndedConnectionsSchema,
  type ListConnectionsRequest,
  ListConnectionsResponseSchema,
} from "../../../proto/gen/realmgate/v1/traffic_pb.ts";
import type { Implementation } from "../api/dispatch.ts";
import type { ListedConnections, OpenConnection } from "../feed/node-question.ts";
import { type PortOf, portOf, type ServerOf, unreachable } from "./traffic-port.ts";

export interface Ended {
  readonly ended: number;
  /** Processes that did not answer, for people: what was to be ended may be at one of those. */
  readonly missing: readonly string[];
}

/** The connections of the proxies that this control plane speaks for. */
export interface ConnectionPort {
  /** The first `limit`, oldest first. `group` null: all. `account`: who asks. */
  list(
    container: string,
    group: string | null,
    limit: number,
    account: string,
  ): ListedConnections | Promise<ListedConnections>;
  /** Whether it was there; of several processes, how many had it and which did not answer. */
  end(container: string, id: string): boolean | Promise<Ended>;
  /** How many there were. */
  endOfGroup(container: string, group: string): number | Promise<Ended>;
}

const LISTED_MAX = 1_000;

export function connectionService(ports: PortOf<ConnectionPort>, store: ServerOf): Implementation {
  return {
    service: ContainerConnectionService,
    methods: {
      async listConnections({ id, group }: ListConnectionsRequest, { scope, caller }) {
        const connections = await portOf(ports, store, scope, id);
        const open = await connections.list(id, group ?? null, LISTED_MAX, caller.user.id);
        return {
          message: create(ListConnectionsResponseSchema, {
            connections: open.connections.map(message),
            total: open.total,
            missing: [...(open.missing ?? [])],
          }),
        };
      },

      async endConnection({ id, connectionId }: EndConnectionRequest, { scope }) {
        const connections = await portOf(ports, store, scope, id);
        const { ended } = endedBy(await connections.end(id, connectionId));
        if (ended === 0) throw new ApiError(ErrorCode.CONNECTION_NOT_FOUND);
        return { message: create(EndedConnectionsSchema, { ended: 1 }) };
      },

      async endConnections({ id, group }: EndConnectionsRequest, { scope }) {
        const connections = await portOf(ports, store, scope, id);
        const { ended, missing } = endedBy(await connections.endOfGroup(id, group));
        const message = create(EndedConnectionsSchema, { ended, missing: [...missing] });
        return ended === 0 ? { message, unchanged: true } : { message };
      },
    },
  };
}

/** Throws ApiError PROXY_UNREACHABLE when nothing was ended, and it may be where nobody answers. */
export function endedBy(done: boolean | number | Ended): Ended {
  const { ended, missing } = typeof done === "object" ? done : { ended: Number(done), missing: [] };
  if (ended === 0 && missing.length > 0) throw unreachable(`${missing.join(", ")} did not answer`);
  return { ended, missing };
}

function message({ client, sinceMs, alias, status, subject, groups, ...open }: OpenConnection) {
  return {
    ...open,
    clientIp: client,
    since: new Date(sinceMs).toISOString(),
    groups: [...groups],
    ...(alias === null ? {} : { alias }),
    ...(status === null ? {} : { status }),
    ...(subject === null ? {} : { subject }),
  };
}
