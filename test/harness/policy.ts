// Permission documents as a write reads them, and the policy that is compiled from one.
import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import {
  type PermissionDocument,
  PermissionDocumentSchema,
} from "../../proto/gen/realmgate/v1/permissions_pb.ts";
import { type CompiledPolicy, compile } from "../../src/policy/compile.ts";
import { parseDocument } from "../../src/policy/document.ts";

export interface ParsedDocument {
  /** JSON pointers of what is wrong. */
  readonly violations: readonly string[];
  /** What would be stored; null when something is wrong. */
  readonly normal: PermissionDocument | null;
  readonly warnings: readonly string[];
}

export function parsed(json: JsonValue): ParsedDocument {
  const result = parseDocument(fromJson(PermissionDocumentSchema, json));
  return result.ok
    ? { violations: [], normal: result.normal, warnings: result.warnings }
    : {
        violations: result.violations.map(({ pointer }) => pointer),
        normal: null,
        warnings: [],
      };
}

/** The policy of a document that has to be right. */
export function policyOf(json: JsonValue): CompiledPolicy {
  const result = parseDocument(fromJson(PermissionDocumentSchema, json));
  if (!result.ok) throw new Error(JSON.stringify(result.violations));
  return compile(result.document);
}
