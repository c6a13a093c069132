// Partial updates: which fields of a message change.
import type { DescMessage, Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import type { FieldMask } from "@bufbuild/protobuf/wkt";
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";

/**
 * The names (snake case) of the fields that `update_mask` lists; without a mask, of the fields that are set. A listed field
 * that is not set is cleared. Throws ApiError VALIDATION_ERROR for an unknown path.
 */
export function changedFields(
  desc: DescMessage,
  message: Message & { readonly updateMask?: FieldMask | undefined },
): ReadonlySet<string> {
  const paths = message.updateMask?.paths;
  if (paths === undefined) {
    const set = reflect(desc, message);
    return new Set(desc.fields.filter((field) => set.isSet(field)).map(({ name }) => name));
  }
  const names = new Set(desc.fields.map(({ name }) => name));
  const unknown = paths.filter((path) => !names.has(path));
  if (unknown.length > 0) {
    throw new ApiError(
      ErrorCode.VALIDATION_ERROR,
      unknown.map((path) => ({
        instancePath: "/update_mask",
        message: `names the unknown field ${path}`,
      })),
    );
  }
  return new Set(paths);
}
