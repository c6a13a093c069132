// Changes as a proxy receives them, from states that name their documents as JSON.
import { create, fromJson, type JsonObject } from "@bufbuild/protobuf";
import {
  type Changes,
  ChangesSchema,
  type ContainerState,
  ContainerStateSchema,
  type DocumentContent,
  DocumentContentSchema,
  type ProjectState,
  ProjectStateSchema,
} from "../../proto/gen/realmgate/v1/feed_pb.ts";
import { PermissionDocumentSchema } from "../../proto/gen/realmgate/v1/permissions_pb.ts";
import { documentText } from "../../src/policy/document.ts";
import { StoredDocument } from "../../src/policy/stored-document.ts";

type Init<State> = Partial<Omit<State, "documentDigest" | "$typeName" | "$unknown">> & {
  readonly document?: JsonObject;
};
export type ProjectInit = Init<ProjectState>;
export type ContainerInit = Init<ContainerState>;

export function feedChanges(
  revision: bigint,
  projects: readonly ProjectInit[],
  containers: readonly ContainerInit[],
): Changes {
  const documents = new Map<string, DocumentContent>();
  const named = (json: JsonObject | undefined): { documentDigest?: string } => {
    if (json === undefined) return {};
    const content = documentContent(json);
    documents.set(content.digest, content);
    return { documentDigest: content.digest };
  };
  return create(ChangesSchema, {
    revision,
    projects: projects.map(({ document, ...rest }) =>
      create(ProjectStateSchema, { ...rest, ...named(document) }),
    ),
    containers: containers.map(({ document, ...rest }) =>
      create(ContainerStateSchema, { ...rest, ...named(document) }),
    ),
    documents: [...documents.values()],
  });
}

/** As the control plane sends it, also one that it would not accept. */
export function documentContent(json: JsonObject): DocumentContent {
  const text = documentText(fromJson(PermissionDocumentSchema, json));
  return create(DocumentContentSchema, { digest: StoredDocument.read(text).digest, json: text });
}
