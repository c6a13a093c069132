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
import { type PortOf, portOf, type ServerOf } from "./traffic-port.ts";

interface EndedOfGroup {
  readonly ended: number;
  readonly missing: readonly string[];
}

/** The connections of the proxies that this control plane speaks for. */
export interface ConnectionPort {
  /** The first `limit`, oldest first. `group` null: all. */
  list(
    container: string,
    group: string | null,
    limit: number,
  ): ListedConnections | Promise<ListedConnections>;
  /** Whether it was there. */
  end(container: string, id: string): boolean | Promise<boolean>;
  /** How many there were. */
  endOfGroup(container: string, group: string): number | Promise<number | EndedOfGroup>;
}

const LISTED_MAX = 1_000;

export function connectionService(ports: PortOf<ConnectionPort>, store: ServerOf): Implementation {
  return {
    service: ContainerConnectionService,
    methods: {
      async listConnections({ id, group }: ListConnectionsRequest, { scope }) {
        const connections = await portOf(ports, store, scope, id);
        const open = await connections.list(id, group ?? null, LISTED_MAX);
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
        const wasThere = await connections.end(id, connectionId);
        if (!wasThere) throw new ApiError(ErrorCode.CONNECTION_NOT_FOUND);
        return { message: create(EndedConnectionsSchema, { ended: 1 }) };
      },

      async endConnections({ id, group }: EndConnectionsRequest, { scope }) {
        const connections = await portOf(ports, store, scope, id);
        const done = await connections.endOfGroup(id, group);
        const { ended, missing } = typeof done === "number" ? { ended: done, missing: [] } : done;
        const message = create(EndedConnectionsSchema, { ended, missing: [...missing] });
        return ended === 0 ? { message, unchanged: true } : { message };
      },
    },
  };
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
