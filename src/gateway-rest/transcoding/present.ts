// Message → REST JSON: snake case, empty lists included, null where the contract documents it.
import {
  type DescField,
  type DescMessage,
  getOption,
  isFieldSet,
  type JsonObject,
  type JsonValue,
  type Message,
  toJson,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import {
  asked_by,
  null_beside,
  nullable,
  omit_empty,
} from "../../../proto/gen/realmgate/v1/options_pb.ts";

const nothing: ReadonlySet<string> = new Set();

/** The `data` of an envelope; null for Empty. `asked`: names of request flags that are true. */
export function present(
  desc: DescMessage,
  message: Message,
  asked: ReadonlySet<string> = nothing,
): JsonValue {
  if (desc.typeName === "google.protobuf.Empty") return null;
  const json = toJson(desc, message, { useProtoFieldName: true, alwaysEmitImplicit: true });
  return touchUp(reflect(desc, message), json as JsonObject, asked);
}

/** Adds nulls and removes empty lists as the field options say. */
function touchUp(
  message: ReflectMessage,
  json: JsonObject,
  asked: ReadonlySet<string>,
): JsonObject {
  for (const field of message.fields) {
    if (isFieldSet(message.message, field)) touchUpField(message, field, json[field.name], asked);
    else if (isNull(message, field)) json[field.name] = null;
    else if (isLeftOut(field, asked)) delete json[field.name];
  }
  return json;
}

/** Whether an unset field is shown as null. */
function isNull(message: ReflectMessage, field: DescField): boolean {
  const other = getOption(field, null_beside);
  const beside = message.fields.find(({ name }) => name === other);
  return (
    getOption(field, nullable) || (beside !== undefined && isFieldSet(message.message, beside))
  );
}

/** Whether an empty list or map is left out. */
function isLeftOut(field: DescField, asked: ReadonlySet<string>): boolean {
  const flag = getOption(field, asked_by);
  return getOption(field, omit_empty) || (flag !== "" && !asked.has(flag));
}

function touchUpField(
  message: ReflectMessage,
  field: DescField,
  json: JsonValue | undefined,
  asked: ReadonlySet<string>,
): void {
  if (field.message === undefined || field.message.typeName.startsWith("google.protobuf.")) return;
  if (json === undefined || json === null) return;
  switch (field.fieldKind) {
    case "message":
      touchUp(message.get(field), json as JsonObject, asked);
      return;
    case "list": {
      const list = message.get(field);
      for (const [index, item] of [...list].entries()) {
        touchUp(item as ReflectMessage, (json as JsonObject[])[index] as JsonObject, asked);
      }
      return;
    }
    case "map":
      for (const [key, item] of message.get(field)) {
        touchUp(item as ReflectMessage, (json as JsonObject)[String(key)] as JsonObject, asked);
      }
  }
}
