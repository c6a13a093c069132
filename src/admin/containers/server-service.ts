// ServerService: the servers of the installation.
import { create } from "@bufbuild/protobuf";
import {
  ListServersResponseSchema,
  ServerSchema,
  ServerService,
} from "../../../proto/gen/realmgate/v1/servers_pb.ts";
import { containersDomain } from "../../policy/containers-domain.ts";
import type { Implementation } from "../api/dispatch.ts";
import type { Store } from "../store/store.ts";

export interface ServerServiceParts {
  readonly store: Store;
  /** This node's name; see REALMGATE_SERVER_NAME. */
  readonly serverName: string;
  /** The installation's domain; see REALMGATE_DOMAIN. */
  readonly domain: string;
}

export function serverService({ store, serverName, domain }: ServerServiceParts): Implementation {
  return {
    service: ServerService,
    methods: {
      async listServers() {
        const servers = (await store.servers()).map(({ id, name, createdAt }) =>
          create(ServerSchema, {
            id,
            name,
            domain: containersDomain(name, domain),
            // This node does not know the status of others.
            status: name === serverName ? "online" : "unknown",
            createdAt,
          }),
        );
        return { message: create(ListServersResponseSchema, { servers, total: servers.length }) };
      },
    },
  };
}
