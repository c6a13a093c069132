// ServerService.

import { create } from "@bufbuild/protobuf";
import {
  ListServersResponseSchema,
  ServerSchema,
  ServerService,
} from "../../../proto/gen/realmgate/v1/servers_pb.ts";
import { containersDomain } from "../../policy/containers-domain.ts";
import type { Implementation } from "../api/dispatch.ts";
import type { ServiceParts } from "../services.ts";

export function serverService({ store, serverName, domain }: ServiceParts): Implementation {
  return {
    service: ServerService,
    methods: {
      async listServers() {
        const servers = (await store.servers()).map(({ id, name, createdAt }) =>
          create(ServerSchema, {
            id,
            name,
            domain: containersDomain(name, domain),
            // Of other nodes nothing is heard here.
            status: name === serverName ? "online" : "unknown",
            createdAt,
          }),
        );
        return { message: create(ListServersResponseSchema, { servers, total: servers.length }) };
      },
    },
  };
}
