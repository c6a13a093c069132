// Permission documents between their three forms: what is stored, what is answered, and what a write makes of them.
import { create, fromJsonString, toJsonString } from "@bufbuild/protobuf";
import { Refused } from "../../proto/call.ts";
import { ErrorCode } from "../../proto/gen/realmgate/v1/errors_pb.ts";
import {
  type PermissionDocument,
  PermissionDocumentSchema,
} from "../../proto/gen/realmgate/v1/permissions_pb.ts";
import { compile } from "../policy/compile.ts";
import { parseDocument, type Violation } from "../policy/document.ts";
import { etagOf } from "./if-match.ts";
import type { DocumentKey, DocumentState, DocumentView } from "./store/records.ts";

/** Layout of the stored documents. */
const schemaVersion = 2;

/** Greatest document in bytes, as it is stored: many small writes must not grow what one big one may not be. */
const documentBytesMax = 256 * 1024;

/** The stored document, or null. */
export function storedDocument(state: DocumentState): PermissionDocument | null {
  return state.body === null ? null : fromJsonString(PermissionDocumentSchema, state.body);
}

/**
 * What a surgical write starts from: the stored document, or an empty one. A container's empty one takes over the default
 * that is in force for it, so that adding a group never opens a container that its project's document closes (contract N22).
 */
export function editableDocument(view: DocumentView): PermissionDocument {
  const stored = storedDocument(view.state);
  if (stored !== null) return stored;
  // Of a project that the caller does not see, nothing is told; closed is what cannot open anything.
  const inForce =
    view.projectState === null ? "deny" : (storedDocument(view.projectState)?.default ?? "allow");
  return create(PermissionDocumentSchema, { default: inForce });
}

/** A document made fit to be stored, or a refusal that names everything wrong with it. */
export interface AcceptedDocument {
  readonly body: string;
  readonly warnings: readonly string[];
}

/** Validates and compiles on trial: what is stored compiles. Throws Refused. */
export function acceptDocument(document: PermissionDocument): AcceptedDocument {
  const parsed = parseDocument(document);
  if (!parsed.ok) throw refusal(parsed.violations);
  compile(parsed.document);
  const body = toJsonString(PermissionDocumentSchema, parsed.normal);
  if (Buffer.byteLength(body) > documentBytesMax) throw new Refused(ErrorCode.PAYLOAD_TOO_LARGE);
  return { body, warnings: parsed.warnings };
}

function refusal(violations: readonly Violation[]): Refused {
  const codes = new Set(violations.map(({ code }) => code));
  const [only] = codes;
  const code =
    codes.size === 1 && only !== undefined ? only : ("INVALID_PERMISSIONS_DOCUMENT" as const);
  return new Refused(
    ErrorCode[code],
    violations.map(({ pointer, reason }) => ({ instancePath: pointer, message: reason })),
  );
}

/** The document as callers see it: an empty one that allows everything while none is stored. */
export function documentAnswer(
  key: DocumentKey,
  projectId: string,
  state: DocumentState,
  warnings: readonly string[] = [],
): PermissionDocument {
  const answer = storedDocument(state) ?? create(PermissionDocumentSchema, { default: "allow" });
  answer.project = projectId;
  if (key.kind === "container") answer.container = key.id;
  answer.enableProxy = state.enableProxy;
  answer.fileVersion = state.version;
  answer.etag = etagOf(state.version);
  answer.schemaVersion = schemaVersion;
  answer.warnings = [...warnings];
  return answer;
}
