// What a write of a permission document would say.
import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import {
  type PermissionDocument,
  PermissionDocumentSchema,
} from "../../proto/gen/realmgate/v1/permissions_pb.ts";
import { parseDocument } from "../../src/policy/document.ts";

/** JSON pointers of what is wrong; or what would be kept, and what the writer is warned of. */
export function parsed(json: JsonValue): {
  readonly violations: readonly string[];
  readonly normal: PermissionDocument | null;
  readonly warnings: readonly string[];
} {
  const result = parseDocument(fromJson(PermissionDocumentSchema, json));
  return result.ok
    ? { violations: [], normal: result.normal, warnings: result.warnings }
    : {
        violations: result.violations.map(({ pointer }) => pointer),
        normal: null,
        warnings: [],
      };
}
