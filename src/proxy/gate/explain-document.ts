// The document in force for a container, as explain needs it: stored, parsed and compiled, in steps.

import type {
  Changes,
  ContainerState,
  ProjectState,
} from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import type { PermissionDocument } from "../../../proto/gen/realmgate/v1/permissions_pb.ts";
import { type CompiledPolicy, compileSteps } from "../../policy/compile.ts";
import {
  type PolicyDocument,
  parseDocumentSteps,
  readDocumentText,
} from "../../policy/document.ts";
import type { Steps } from "../../policy/steps.ts";

/** A container and its project as the proxy of the container's server would know them. */
export interface ExplainedState {
  readonly container: ContainerState;
  readonly project: ProjectState;
  /** The contents of the documents that these two name. */
  readonly documents: Changes["documents"];
}

interface DocumentInForce {
  /** Undefined: there is none, or its content cannot be read. */
  readonly stored: PermissionDocument | undefined;
  readonly document: PolicyDocument | null;
  readonly policy: CompiledPolicy | null;
}

export function* documentInForce({
  container,
  project,
  documents,
}: ExplainedState): Steps<DocumentInForce> {
  const digest = container.documentDigest ?? project.documentDigest;
  const content = documents.find((each) => each.digest === digest);
  if (content === undefined) return { stored: undefined, document: null, policy: null };
  const stored = readDocumentText(content.json);
  yield Object.keys(stored.groups).length;
  const parsed = yield* parseDocumentSteps(stored);
  const document = parsed.ok ? parsed.document : null;
  return { stored, document, policy: document === null ? null : yield* compileSteps(document) };
}
