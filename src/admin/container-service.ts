// ContainerService.
import { randomBytes } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { pointerStep, Refused } from "../../proto/call.ts";
import {
  type Container as ContainerMessage,
  ContainerSchema,
  ContainerService,
  type CreateContainerRequest,
  type GetContainerRequest,
  type ListContainersRequest,
  ListContainersResponseSchema,
} from "../../proto/gen/realmgate/v1/containers_pb.ts";
import { ErrorCode } from "../../proto/gen/realmgate/v1/errors_pb.ts";
import type { Placement } from "../policy/placement.ts";
import { canonicalProgram } from "../policy/program.ts";
import { type Caller, isOperator } from "./caller.ts";
import { colorOf } from "./color.ts";
import type { Context, Implementation } from "./dispatch.ts";
import { pageQuery, pagination } from "./page.ts";
import type { Container, ContainerColumn, NewContainer, ProgramPort } from "./store/records.ts";
import type { Store } from "./store/store.ts";

export function containerService(store: Store, placement: Placement): Implementation {
  return {
    service: ContainerService,
    methods: {
      async listContainers(request: ListContainersRequest, { scope, caller }) {
        const projectId = request.projectId ?? null;
        if (projectId !== null && (await store.project(scope, projectId)) === null) {
          throw new Refused(ErrorCode.PROJECT_NOT_FOUND);
        }
        const query = pageQuery<ContainerColumn>(request, 50);
        const { items, total } = await store.containers(scope, { ...query, projectId });
        const message = create(ListContainersResponseSchema, {
          containers: items.map((container) => containerMessage(container, caller)),
          pagination: pagination(query, total),
        });
        return { message };
      },

      async createContainer(request: CreateContainerRequest, { scope, caller }) {
        const made = await store.createContainer(scope, {
          projectId: request.projectId,
          serverId: await serverFor(request, store),
          name: nameFor(request),
          color: colorOf(request.color),
          realmIds: request.realmIds,
          comment: request.comment ?? null,
          ...upstreamOf(request, caller, placement),
        });
        switch (made) {
          case "no_project":
            throw new Refused(
              scope.realmId === null ? ErrorCode.PROJECT_NOT_FOUND : ErrorCode.PROJECT_NOT_IN_REALM,
            );
          case "quota":
            throw new Refused(ErrorCode.PROJECT_CONTAINER_LIMIT);
          case "duplicate":
            throw new Refused(ErrorCode.CONTAINER_NAME_IN_USE);
        }
        return { message: containerMessage(made.container, caller), revision: made.revision };
      },

      async getContainer(request: GetContainerRequest, { scope, caller }: Context) {
        const container = await store.container(scope, request.id);
        if (container === null) throw new Refused(ErrorCode.CONTAINER_NOT_FOUND);
        return { message: containerMessage(container, caller) };
      },
    },
  };
}

/** The server asked for, or the only one there is. */
async function serverFor(request: CreateContainerRequest, store: Store): Promise<string> {
  const servers = await store.servers();
  if (request.serverId === undefined) {
    const [only, another] = servers;
    if (only !== undefined && another === undefined) return only.id;
    const message = "is required where there is more than one server";
    throw new Refused(ErrorCode.MISSING_REQUIRED_FIELD, [{ instancePath: "/server_id", message }]);
  }
  const server = servers.find(({ id }) => id === request.serverId);
  if (server === undefined) throw new Refused(ErrorCode.SERVER_NOT_FOUND);
  return server.id;
}

function nameFor({ name }: CreateContainerRequest): string {
  return name === undefined || name === "rand" ? `box-${randomBytes(4).toString("hex")}` : name;
}

/** Only operators say where the gate dials: a tenant that could would make it dial its neighbour. */
function upstreamOf(
  request: CreateContainerRequest,
  caller: Caller,
  placement: Placement,
): Pick<NewContainer, "address" | "programs"> {
  const asked = request.address !== undefined || Object.keys(request.programs).length > 0;
  if (asked && !isOperator(caller)) throw new Refused(ErrorCode.INSUFFICIENT_PERMISSIONS);
  const address = request.address === undefined ? null : placement.place(request.address);
  if (request.address !== undefined && address === null) {
    const message = "must be an IP literal inside REALMGATE_CONTAINER_CIDRS";
    throw new Refused(ErrorCode.INVALID_UPSTREAM, [{ instancePath: "/address", message }]);
  }
  return { address, programs: programsOf(request.programs) };
}

function programsOf(sent: CreateContainerRequest["programs"]): Record<string, ProgramPort> {
  const programs = new Map<string, ProgramPort>();
  for (const [name, { port, stride }] of Object.entries(sent)) {
    const program = canonicalProgram(name);
    if (program === undefined) throw badProgram(name, "is not a program name");
    if (byPort.has(program)) throw badProgram(name, "has the port of its URL");
    if (programs.has(program)) throw badProgram(name, "names the program of another entry");
    programs.set(program, { port, stride });
  }
  return Object.fromEntries(programs);
}

function badProgram(name: string, message: string): Refused {
  const instancePath = `/programs${pointerStep(name)}`;
  return new Refused(ErrorCode.INVALID_UPSTREAM, [{ instancePath, message }]);
}

/** Programs whose instance is the port. */
const byPort: ReadonlySet<string> = new Set(["http", "https", "ssh"]);

function containerMessage(container: Container, caller: Caller): ContainerMessage {
  const { hasOwnDocument, hasProjectDocument, aliasCount, realmIds, ...rest } = container;
  const { comment, address, programs, projectAlias, ...shown } = rest;
  const message = create(ContainerSchema, {
    ...shown,
    realmIds: [...realmIds],
    hasProxyDomains: aliasCount > 0,
    proxyDomainsCount: aliasCount,
    hasProxyPermissions: hasOwnDocument || hasProjectDocument,
    proxyPermissionsScope: scopeOf(hasOwnDocument, hasProjectDocument),
  });
  if (projectAlias !== null) message.projectAlias = projectAlias;
  if (comment !== null) message.comment = comment;
  if (isOperator(caller)) {
    if (address !== null) message.address = address;
    Object.assign(message.programs, create(ContainerSchema, { programs }).programs);
  }
  return message;
}

function scopeOf(own: boolean, project: boolean): string {
  if (own) return project ? "both" : "container";
  return project ? "project" : "none";
}
