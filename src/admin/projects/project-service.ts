// ProjectService: projects of a user.

import { create } from "@bufbuild/protobuf";
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import {
  type CreateProjectRequest,
  type DeletedProject as DeletedMessage,
  DeletedProjectSchema,
  type DeleteProjectRequest,
  type GetProjectRequest,
  type GetProjectStatsRequest,
  type ListProjectsRequest,
  ListProjectsResponseSchema,
  type Project as ProjectMessage,
  ProjectSchema,
  ProjectService,
  ProjectStatsSchema,
  type UpdateProjectRequest,
  UpdateProjectRequestSchema,
} from "../../../proto/gen/realmgate/v1/projects_pb.ts";
import type { Context, Implementation } from "../api/dispatch.ts";
import { lacking } from "../api/lacking.ts";
import type { ListCursors } from "../api/list-cursor.ts";
import { RequestedPage } from "../api/page.ts";
import { changedRealms, choosesRealms, newRealms, shownRealms } from "../api/realm-ids.ts";
import { changedFields } from "../api/update-mask.ts";
import { colorOf } from "../store/color.ts";
import { membersMax } from "../store/limits.ts";
import type { PageQuery, ProjectColumn } from "../store/paging.ts";
import type { DeletedProject, ProjectChange, Scope, StoredProject } from "../store/records.ts";
import type { Store } from "../store/store.ts";
import { memberMessage } from "./member-service.ts";

export interface ProjectServiceParts {
  readonly store: Store;
  readonly cursors: ListCursors;
}

export function projectService({ store, cursors }: ProjectServiceParts): Implementation {
  return {
    service: ProjectService,
    methods: {
      async listProjects(request: ListProjectsRequest, { scope }) {
        const { alias } = request;
        const list = ["ListProjects", scope.userId, alias] as const;
        const page = new RequestedPage<ProjectColumn>(cursors, list, request, 10);
        const projects = await store.projects(scope, { ...page.query, alias });
        const message = create(ListProjectsResponseSchema, {
          projects: projects.items.map((project) => projectMessage(scope, project)),
          pagination: page.pagination(projects),
        });
        return { message };
      },

      async createProject(request: CreateProjectRequest, { scope }) {
        const made = await store.createProject(scope, {
          alias: request.alias,
          color: colorOf(request.color),
          maxContainers: request.maxContainers ?? null,
          realmIds: newRealms(scope, request.realmIds),
        });
        if (made === "duplicate") throw new ApiError(ErrorCode.DUPLICATE_ALIAS);
        return { message: projectMessage(scope, made.project), committed: made };
      },

      async getProject({ id, includePermissions }: GetProjectRequest, { scope }) {
        const message = projectMessage(scope, await projectOf(store, scope, id));
        if (includePermissions) {
          const page = await store.members(scope, id, everyMember);
          message.permissions = (page?.items ?? []).map(memberMessage);
        }
        return { message };
      },

      async updateProject(request: UpdateProjectRequest, context) {
        const { id } = request;
        const { scope } = context;
        const change = await changeOf(request, await projectOf(store, scope, id), context);
        const made = await store.updateProject(scope, id, change);
        if (made === null) throw new ApiError(ErrorCode.PROJECT_NOT_FOUND);
        if (made === "duplicate") throw new ApiError(ErrorCode.DUPLICATE_ALIAS);
        return { message: projectMessage(scope, made.project), committed: made };
      },

      async deleteProject({ id, includeDeletedItems }: DeleteProjectRequest, { scope }) {
        const made = await store.deleteProject(scope, id);
        switch (made) {
          case null:
            throw new ApiError(ErrorCode.PROJECT_NOT_FOUND);
          case "default":
            throw new ApiError(ErrorCode.DEFAULT_PROJECT);
          case "shared":
            throw new ApiError(ErrorCode.SHARED_ACROSS_REALMS);
        }
        const message = deletedMessage(made.deleted, includeDeletedItems ?? false);
        return { message, committed: made };
      },

      async getProjectStats({ id }: GetProjectStatsRequest, { scope }) {
        const { alias } = await projectOf(store, scope, id);
        const one = { page: 1, limit: 1, sortBy: "created_at", sortOrder: "desc" } as const;
        const { total } = await store.containers(scope, { ...one, projectId: id });
        const summary = { projectId: id, projectName: alias, containerCount: total };
        return { message: create(ProjectStatsSchema, { summary }) };
      },
    },
  };
}

const everyMember: PageQuery<"created_at"> = {
  page: 1,
  limit: membersMax,
  sortBy: "created_at",
  sortOrder: "desc",
};

async function projectOf(store: Store, scope: Scope, id: string): Promise<StoredProject> {
  const project = await store.project(scope, id);
  if (project === null) throw new ApiError(ErrorCode.PROJECT_NOT_FOUND);
  return project;
}

/**
 * The change that a request makes. Throws ApiError when the caller may not make it: only owners change the quota, only they
 * and operators the realms.
 */
async function changeOf(
  request: UpdateProjectRequest,
  project: StoredProject,
  context: Context,
): Promise<ProjectChange> {
  const { scope } = context;
  const fields = changedFields(UpdateProjectRequestSchema, request);
  const mayChoose = () => choosesRealms(project, context);
  const realmIds = fields.has("realm_ids")
    ? await changedRealms(scope, project.realmIds, request.realmIds, mayChoose)
    : undefined;
  const maxContainers = request.maxContainers ?? null;
  const hasNewQuota = fields.has("max_containers") && maxContainers !== project.maxContainers;
  if (hasNewQuota && (project.userId !== scope.userId || scope.confinedTo !== null)) {
    throw lacking("the owner of the project, who is not confined to realms");
  }
  return {
    ...(fields.has("alias") ? { alias: request.alias } : {}),
    ...(fields.has("color") ? { color: colorOf(request.color) } : {}),
    ...(hasNewQuota ? { maxContainers } : {}),
    ...(realmIds === undefined ? {} : { realmIds }),
  };
}

function projectMessage(scope: Scope, project: StoredProject): ProjectMessage {
  const { maxContainers, realmIds, ...rest } = project;
  const message = create(ProjectSchema, { ...rest, realmIds: shownRealms(scope, realmIds) });
  if (maxContainers !== null) message.maxContainers = maxContainers;
  return message;
}

function deletedMessage(
  { containers, permissions, aliases }: DeletedProject,
  withItems: boolean,
): DeletedMessage {
  return create(DeletedProjectSchema, {
    deleted: { containers: containers.length, permissions, aliases },
    ...(withItems ? { deletedItems: { containers: [...containers] } } : {}),
  });
}
