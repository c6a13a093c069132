// Message → the JSON that REST documents: snake case, empty lists written, null where the contract shows null.
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
import { nullable, omit_empty } from "../../proto/gen/realmgate/v1/options_pb.ts";

/** The `data` of an envelope. An empty message is null. */
export function present(desc: DescMessage, message: Message): JsonValue {
  if (desc.typeName === "google.protobuf.Empty") return null;
  const json = toJson(desc, message, { useProtoFieldName: true, alwaysEmitImplicit: true });
  return touchUp(reflect(desc, message), json as JsonObject);
}

/** Adds the nulls and takes away the empty lists that the field options ask for. */
function touchUp(message: ReflectMessage, json: JsonObject): JsonObject {
  for (const field of message.fields) {
    if (getOption(field, nullable) && !isFieldSet(message.message, field)) json[field.name] = null;
    else if (getOption(field, omit_empty) && !isFieldSet(message.message, field)) {
      delete json[field.name];
    } else touchUpField(message, field, json[field.name]);
  }
  return json;
}

function touchUpField(
  message: ReflectMessage,
  field: DescField,
  json: JsonValue | undefined,
): void {
  if (field.message === undefined || field.message.typeName.startsWith("google.protobuf.")) return;
  if (json === undefined || json === null) return;
  switch (field.fieldKind) {
    case "message":
      touchUp(message.get(field), json as JsonObject);
      return;
    case "list": {
      const list = message.get(field);
      for (const [index, item] of [...list].entries()) {
        touchUp(item as ReflectMessage, (json as JsonObject[])[index] as JsonObject);
      }
      return;
    }
    case "map":
      for (const [key, item] of message.get(field)) {
        touchUp(item as ReflectMessage, (json as JsonObject)[String(key)] as JsonObject);
      }
  }
}
