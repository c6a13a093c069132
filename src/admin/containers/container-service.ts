// ContainerService: containers of a user, and their upstream addresses.

import { randomBytes } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import { ApiError } from "../../../proto/call.ts";
import {
  ContainerService,
  type CreateContainerRequest,
  type DeleteContainerRequest,
  type GetContainerRequest,
  type ListContainersRequest,
  ListContainersResponseSchema,
  type SetUpstreamRequest,
  SetUpstreamRequestSchema,
  type UpdateContainerRequest,
  UpdateContainerRequestSchema,
  UpstreamSchema,
} from "../../../proto/gen/realmgate/v1/containers_pb.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import type { AddressPolicy } from "../../policy/address-policy.ts";
import type { Context, Implementation } from "../api/dispatch.ts";
import { lackingOperator, lackingOwner } from "../api/lacking.ts";
import type { ListCursors } from "../api/list-cursor.ts";
import { RequestedPage } from "../api/page.ts";
import { changedRealms, choosesRealms, newRealms } from "../api/realm-ids.ts";
import { changedFields } from "../api/update-mask.ts";
import { type Caller, isOperator } from "../auth/caller.ts";
import { colorOf } from "../store/color.ts";
import type { ContainerColumn } from "../store/paging.ts";
import type {
  ContainerChange,
  Scope,
  StoredContainer,
  StoredProject,
  UpstreamRecord,
} from "../store/records.ts";
import type { Store } from "../store/store.ts";
import {
  type ContainerMessageParts,
  containerMessage,
  containerMessages,
} from "./container-message.ts";
import { containerOperations } from "./container-operations.ts";
import { addressOf, programsOf } from "./container-upstream.ts";

export interface ContainerServiceParts extends ContainerMessageParts {
  readonly placement: AddressPolicy;
  readonly cursors: ListCursors;
}

export function containerService(parts: ContainerServiceParts): Implementation {
  const { store, placement, cursors } = parts;

  async function read(scope: Scope, id: string): Promise<StoredContainer> {
    const container = await store.container(scope, id);
    if (container === null) throw new ApiError(ErrorCode.CONTAINER_NOT_FOUND);
    return container;
  }

  /** The project of a container that the caller sees, whether or not the realm of the call holds it, too. */
  async function projectOf({ scope }: Context, id: string): Promise<StoredProject> {
    const project = await store.project({ ...scope, realmId: null, realms: [] }, id);
    if (project === null) throw new ApiError(ErrorCode.PROJECT_NOT_FOUND);
    return project;
  }

  /** The realms of a new container: members have those of the project to choose from. Throws ApiError. */
  async function chosenRealms(
    { projectId, realmIds }: CreateContainerRequest,
    context: Context,
  ): Promise<string[]> {
    const named = newRealms(context.scope, realmIds);
    if (named.length === 0) return named;
    const project = await projectOf(context, projectId);
    const isOfProject = named.every((realmId) => project.realmIds.includes(realmId));
    if (isOfProject || project.userId === context.scope.userId || choosesRealms(project, context)) {
      return named;
    }
    throw lackingOwner();
  }

  return {
    service: ContainerService,
    methods: {
      ...containerOperations(store, cursors),

      async listContainers(request: ListContainersRequest, { scope, caller }) {
        const { name, projectId = null } = request;
        if (projectId !== null && (await store.project(scope, projectId)) === null) {
          throw new ApiError(ErrorCode.PROJECT_NOT_FOUND);
        }
        const list = ["ListContainers", scope.userId, projectId, name] as const;
        const page = new RequestedPage<ContainerColumn>(cursors, list, request, 50);
        const containers = await store.containers(scope, { ...page.query, projectId, name });
        const message = create(ListContainersResponseSchema, {
          containers: await containerMessages(parts, containers.items, request, { scope, caller }),
          pagination: page.pagination(containers),
        });
        return { message };
      },

      async createContainer(request: CreateContainerRequest, context) {
        const { scope, caller } = context;
        const made = await store.createContainer(scope, {
          projectId: request.projectId,
          serverId: await serverFor(request, store),
          name: nameOf(request.name),
          color: colorOf(request.color),
          realmIds: await chosenRealms(request, context),
          comment: request.comment ?? null,
          ...upstreamOf(request, caller, placement),
        });
        switch (made) {
          case "no_project":
            throw new ApiError(
              scope.realmId === null ? ErrorCode.PROJECT_NOT_FOUND : ErrorCode.PROJECT_NOT_IN_REALM,
            );
          case "quota":
            throw new ApiError(ErrorCode.PROJECT_CONTAINER_LIMIT);
          case "duplicate":
            throw new ApiError(ErrorCode.CONTAINER_NAME_IN_USE);
        }
        const message = containerMessage(made.container, { scope, caller });
        return { message, committed: made };
      },

      async getContainer(request: GetContainerRequest, { scope, caller }) {
        const container = await read(scope, request.id);
        const [message] = await containerMessages(parts, [container], request, { scope, caller });
        if (message === undefined) throw new Error("no message for the container");
        return { message };
      },

      async updateContainer(request: UpdateContainerRequest, context) {
        const { scope, caller } = context;
        const present = await read(scope, request.id);
        const mayChoose = async () =>
          choosesRealms(await projectOf(context, present.projectId), context);
        const change = await changeOf(request, present, scope, mayChoose);
        if (Object.keys(change).length === 0) {
          return { message: containerMessage(present, { scope, caller }) };
        }
        const made = await store.updateContainer(scope, request.id, change);
        if (made === null) throw new ApiError(ErrorCode.CONTAINER_NOT_FOUND);
        if (made === "duplicate") throw new ApiError(ErrorCode.CONTAINER_NAME_IN_USE);
        const message = containerMessage(made.container, { scope, caller });
        return { message, committed: made };
      },

      async deleteContainer({ id }: DeleteContainerRequest, { scope }) {
        const made = await store.deleteContainer(scope, id);
        if (made === null) throw new ApiError(ErrorCode.CONTAINER_NOT_FOUND);
        return { message: create(EmptySchema), committed: made };
      },

      async setUpstream(request: SetUpstreamRequest, { scope }) {
        const names = changedFields(SetUpstreamRequestSchema, request);
        const upstream = await store.setUpstream(request.id, scope.realms, {
          ...(names.has("address") ? { address: addressOf(request.address, placement) } : {}),
          ...(names.has("programs") ? { programs: programsOf(request.programs) } : {}),
        });
        if (upstream === null) throw new ApiError(ErrorCode.CONTAINER_NOT_FOUND);
        const { address, programs } = upstream;
        const message = create(UpstreamSchema, { id: request.id, programs });
        if (address !== null) message.address = address;
        return { message, committed: upstream };
      },
    },
  };
}

/** The requested server, or the only one if there is just one. */
async function serverFor(request: CreateContainerRequest, store: Store): Promise<string> {
  const servers = await store.servers();
  if (request.serverId === undefined) {
    const [only, another] = servers;
    if (only !== undefined && another === undefined) return only.id;
    const message = "is required where there is more than one server";
    throw new ApiError(ErrorCode.MISSING_REQUIRED_FIELD, [{ instancePath: "/server_id", message }]);
  }
  const server = servers.find(({ id }) => id === request.serverId);
  if (server === undefined) throw new ApiError(ErrorCode.SERVER_NOT_FOUND);
  return server.id;
}

function nameOf(sent: string | undefined): string {
  return sent === undefined || sent === "rand" ? `box-${randomBytes(4).toString("hex")}` : sent;
}

function upstreamOf(
  request: CreateContainerRequest,
  caller: Caller,
  placement: AddressPolicy,
): UpstreamRecord {
  const asked = request.address !== undefined || Object.keys(request.programs).length > 0;
  if (asked && !isOperator(caller)) throw lackingOperator();
  return {
    address: addressOf(request.address, placement),
    programs: programsOf(request.programs),
  };
}

/** A listed field that is not set gets the default of a new container. */
async function changeOf(
  request: UpdateContainerRequest,
  present: StoredContainer,
  scope: Scope,
  mayChoose: () => Promise<boolean>,
): Promise<ContainerChange> {
  const names = changedFields(UpdateContainerRequestSchema, request);
  const realmIds = names.has("realm_ids")
    ? await changedRealms(scope, present.realmIds, request.realmIds, mayChoose)
    : undefined;
  return {
    ...(names.has("name") ? { name: nameOf(request.name) } : {}),
    ...(names.has("color") ? { color: colorOf(request.color) } : {}),
    ...(names.has("comment") ? { comment: request.comment ?? null } : {}),
    ...(realmIds === undefined ? {} : { realmIds }),
  };
}
