// ContainerDiscoveryService: what a container's own document has, without credentials.
import { create, type JsonObject } from "@bufbuild/protobuf";
import {
  ContainerDiscoveryService,
  type GetServiceRequest,
  type ListGroupsRequest,
  ListGroupsResponseSchema,
  type ListServicesRequest,
  ListServicesResponseSchema,
  ServiceViewSchema,
} from "../../../proto/gen/realmgate/v1/discovery_pb.ts";
import type { PermissionDocument } from "../../../proto/gen/realmgate/v1/permissions_pb.ts";
import { canonicalProgram } from "../../policy/program.ts";
import type { Implementation } from "../api/dispatch.ts";
import type { Store } from "../store/store.ts";
import { DocumentAccess } from "./document-access.ts";
import { hookServiceOf, storedHooks } from "./hooks/hook-list.ts";
import { groupNames, storedDocument, versionOf } from "./permission-document.ts";

/** Each group has one way to match: its type. */
const authRuleCount = 1;

export function discoveryService(store: Store): Implementation {
  const documents = new DocumentAccess("container", store);
  return {
    service: ContainerDiscoveryService,
    methods: {
      async listGroups({ id }: ListGroupsRequest, { scope }) {
        const { state } = await documents.read(scope, id);
        const names = [...groupNames(storedDocument(state))].sort();
        const groups = names.map((name) => ({ name, authRuleCount }));
        const message = create(ListGroupsResponseSchema, { groups, ...versionOf(state) });
        return { message, etag: message.etag };
      },

      async listServices({ id }: ListServicesRequest, { scope }) {
        const { state } = await documents.read(scope, id);
        const permissions = Object.values(storedDocument(state)?.permissions ?? {});
        const permitted = permissions.flatMap((programs) => Object.keys(programs));
        const named = new Set([...permitted, ...storedHooks(state).keys()]);
        const services = [...named].sort();
        const message = create(ListServicesResponseSchema, { services, ...versionOf(state) });
        return { message, etag: message.etag };
      },

      async getService(request: GetServiceRequest, context) {
        const { state } = await documents.read(context.scope, request.id);
        const document = storedDocument(state);
        const hooks = await documents.shownHooks(context, request.id, storedHooks(state));
        const { service, takesHooks } = hookServiceOf(request.service) ?? {
          service: request.service,
          takesHooks: false,
        };
        const message = create(ServiceViewSchema, {
          service,
          isRejectListed: !takesHooks,
          permissionsRaw: accessByGroup(document, request.service),
          hooks: [...(hooks.get(service) ?? [])],
          effectiveDefault: document?.default ?? "deny",
          ...versionOf(state),
        });
        return { message, etag: message.etag };
      },
    },
  };
}

/** What each group may do with the program; groups of which nothing is said are left out. */
function accessByGroup(document: PermissionDocument | null, name: string): JsonObject {
  const program = canonicalProgram(name) ?? name;
  const cells = Object.entries(document?.permissions ?? {}).flatMap(([group, programs]) => {
    const access = Object.hasOwn(programs, program) ? programs[program] : undefined;
    return access === undefined ? [] : [[group, access] as const];
  });
  return Object.fromEntries(cells);
}
