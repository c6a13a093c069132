// Permission documents between their three forms: what is stored, what is answered, and what a write makes of them.
import { create } from "@bufbuild/protobuf";
import { ApiError, type FieldViolation } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import {
  type PermissionDocument,
  PermissionDocumentSchema,
} from "../../../proto/gen/realmgate/v1/permissions_pb.ts";
import { parseDocument, readDocumentText } from "../../policy/document.ts";
import { StoredDocument } from "../../policy/stored-document.ts";
import type { DocumentViolation } from "../../policy/violation.ts";
import { etagOf } from "../api/if-match.ts";
import type { DocumentKey, DocumentState, DocumentView } from "../store/records.ts";
import { checkHookGroups } from "./hooks/hook-groups.ts";
import { hooksListed, storedHooks } from "./hooks/hook-list.ts";

/** Layout of the stored documents. */
const schemaVersion = 2;

/** Greatest document in bytes, as it is stored: many small writes must not grow what one big one may not be. */
const documentBytesMax = 256 * 1024;

/** The stored document, parsed anew at each call; null: none is stored. */
export function storedDocument(state: Pick<DocumentState, "body">): PermissionDocument | null {
  return state.body === null ? null : readDocumentText(state.body);
}

/**
 * What a surgical write starts from: the stored document, or an empty one. A container's empty one takes over the default
 * that is in force for it, so that adding a group never opens a container that its project's document closes.
 */
export function editableDocument(view: DocumentView): PermissionDocument {
  const stored = storedDocument(view.state);
  if (stored !== null) return stored;
  // Of a project that the caller does not see, nothing is told; closed is what cannot open anything.
  const inForce =
    view.projectState === null ? "deny" : (storedDocument(view.projectState)?.default ?? "allow");
  return create(PermissionDocumentSchema, { default: inForce });
}

/** The groups that hooks may name: of the document, or while none is stored of the project's, where the caller sees it. */
export function groupsInForce(view: DocumentView): ReadonlySet<string> {
  const inForce = view.state.body === null ? view.projectState : view.state;
  return groupNames(inForce === null ? null : storedDocument(inForce));
}

export function groupNames(document: PermissionDocument | null): ReadonlySet<string> {
  return new Set(Object.keys(document?.groups ?? {}));
}

/** A document in the form in which it is stored. */
export interface AcceptedDocument {
  readonly document: StoredDocument;
  readonly warnings: readonly string[];
}

/** Validates and compiles: what is stored compiles. Throws ApiError with everything wrong with it, `hookFaults` too. */
export function acceptDocument(
  document: PermissionDocument,
  hookFaults: readonly FieldViolation[] = [],
): AcceptedDocument {
  const parsed = parseDocument(document);
  const faults = [
    ...(parsed.ok ? [] : parsed.violations.map(documentFault)),
    ...hookFaults.map((violation) => ({ ...violation, code: ErrorCode.INVALID_HOOK })),
  ];
  if (!parsed.ok || faults.length > 0) throw refusal(faults);
  return { document: StoredDocument.accepted(parsed), warnings: parsed.warnings };
}

/**
 * What holds of everything that is stored, whichever write makes it: hooks name groups of their document, and it is not too
 * large. Throws ApiError INVALID_HOOK, PAYLOAD_TOO_LARGE.
 */
export function checkStorable(document: StoredDocument | null, hooks: string | null): void {
  const bytes = Buffer.byteLength(document?.text ?? "") + Buffer.byteLength(hooks ?? "");
  if (bytes > documentBytesMax) throw new ApiError(ErrorCode.PAYLOAD_TOO_LARGE);
  if (document !== null) checkHookGroups(storedHooks({ hooks }), groupNames(document.message));
}

interface Fault extends FieldViolation {
  readonly code: ErrorCode;
}

function documentFault({ code, pointer, reason }: DocumentViolation): Fault {
  return { code: ErrorCode[code], instancePath: pointer, message: reason };
}

/** One code when there is only one; else that of a document that does not hold together. */
function refusal(faults: readonly Fault[]): ApiError {
  const [code, ...others] = new Set(faults.map((fault) => fault.code));
  const only = code !== undefined && others.length === 0;
  return new ApiError(
    only ? code : ErrorCode.INVALID_PERMISSIONS_DOCUMENT,
    faults.map(({ instancePath, message }) => ({ instancePath, message })),
  );
}

/** The document as callers see it: an empty one that allows everything while none is stored. */
export function documentAnswer(
  key: DocumentKey,
  projectId: string,
  state: DocumentState,
  warnings: readonly string[] = [],
  stored: Readonly<PermissionDocument> | null = storedDocument(state),
): PermissionDocument {
  const answer = create(PermissionDocumentSchema, stored ?? { default: "allow" });
  answer.project = projectId;
  if (key.kind === "container") answer.container = key.id;
  answer.enableProxy = state.enableProxy;
  Object.assign(answer, versionOf(state));
  answer.schemaVersion = schemaVersion;
  answer.hooks = hooksListed(storedHooks(state));
  answer.warnings = [...warnings];
  return answer;
}

/** The version of a document as answers carry it. */
export function versionOf({ version }: DocumentState): { fileVersion: number; etag: string } {
  return { fileVersion: version, etag: etagOf(version) };
}
