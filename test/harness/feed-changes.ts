// Changes as a proxy receives them, from states that name their documents as JSON.
import { create, fromJson, type JsonObject } from "@bufbuild/protobuf";
import {
  type Changes,
  ChangesSchema,
  type ContainerState,
  ContainerStateSchema,
  type ProjectState,
  ProjectStateSchema,
} from "../../proto/gen/realmgate/v1/feed_pb.ts";
import { PermissionDocumentSchema } from "../../proto/gen/realmgate/v1/permissions_pb.ts";

type Init<State> = Partial<Omit<State, "document" | "$typeName" | "$unknown">> & {
  readonly document?: JsonObject;
};
export type ProjectInit = Init<ProjectState>;
export type ContainerInit = Init<ContainerState>;

export function feedChanges(
  revision: bigint,
  projects: readonly ProjectInit[],
  containers: readonly ContainerInit[],
): Changes {
  return create(ChangesSchema, {
    revision,
    projects: projects.map(({ document, ...rest }) => {
      const state = create(ProjectStateSchema, rest);
      if (document !== undefined) state.document = fromJson(PermissionDocumentSchema, document);
      return state;
    }),
    containers: containers.map(({ document, ...rest }) => {
      const state = create(ContainerStateSchema, rest);
      if (document !== undefined) state.document = fromJson(PermissionDocumentSchema, document);
      return state;
    }),
  });
}
