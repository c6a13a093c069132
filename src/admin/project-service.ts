// ProjectService.
import { create } from "@bufbuild/protobuf";
import { Refused } from "../../proto/call.ts";
import { ErrorCode } from "../../proto/gen/realmgate/v1/errors_pb.ts";
import {
  type CreateProjectRequest,
  type GetProjectRequest,
  type ListProjectsRequest,
  ListProjectsResponseSchema,
  type Project as ProjectMessage,
  ProjectSchema,
  ProjectService,
} from "../../proto/gen/realmgate/v1/projects_pb.ts";
import { colorOf } from "./color.ts";
import type { Implementation } from "./dispatch.ts";
import { pageQuery, pagination } from "./page.ts";
import type { Project, ProjectColumn } from "./store/records.ts";
import type { Store } from "./store/store.ts";

export function projectService(store: Store): Implementation {
  return {
    service: ProjectService,
    methods: {
      async listProjects(request: ListProjectsRequest, { scope }) {
        const query = pageQuery<ProjectColumn>(request, 10);
        const { items, total } = await store.projects(scope, query);
        const message = create(ListProjectsResponseSchema, {
          projects: items.map(projectMessage),
          pagination: pagination(query, total),
        });
        return { message };
      },

      async createProject(request: CreateProjectRequest, { scope }) {
        const made = await store.createProject(scope, {
          alias: request.alias,
          color: colorOf(request.color),
          maxContainers: request.maxContainers ?? null,
          realmIds: request.realmIds,
        });
        if (made === "duplicate") throw new Refused(ErrorCode.DUPLICATE_ALIAS);
        return { message: projectMessage(made.project), revision: made.revision };
      },

      async getProject(request: GetProjectRequest, { scope }) {
        const project = await store.project(scope, request.id);
        if (project === null) throw new Refused(ErrorCode.PROJECT_NOT_FOUND);
        return { message: projectMessage(project) };
      },
    },
  };
}

function projectMessage(project: Project): ProjectMessage {
  const { maxContainers, realmIds, ...rest } = project;
  const message = create(ProjectSchema, { ...rest, realmIds: [...realmIds] });
  if (maxContainers !== null) message.maxContainers = maxContainers;
  return message;
}
