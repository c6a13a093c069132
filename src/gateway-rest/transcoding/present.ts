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
  for (const shown of shownFields(message.desc)) {
    const { field } = shown;
    if (isFieldSet(message.message, field)) {
      if (shown.isNested) touchUpField(message, field, json[field.name], asked);
    } else if (isNull(message, shown)) json[field.name] = null;
    else if (isLeftOut(shown, asked)) delete json[field.name];
  }
  return json;
}

/** What the options of a field say about showing it. */
interface ShownField {
  readonly field: DescField;
  /** A message, or a list or map of them, that may have fields to touch up. */
  readonly isNested: boolean;
  readonly isNullable: boolean;
  /** Shown as null when this one is set. */
  readonly nullBeside: DescField | undefined;
  readonly omitsEmpty: boolean;
  /** Left out unless this flag was asked for; empty: none. */
  readonly askedBy: string;
}

const shownByMessage = new Map<DescMessage, readonly ShownField[]>();

/** Kept: looking at an option takes a microsecond, and a document has 1,000 groups. */
function shownFields(desc: DescMessage): readonly ShownField[] {
  const known = shownByMessage.get(desc);
  if (known !== undefined) return known;
  const fields = desc.fields
    .map((field): ShownField => {
      const beside = getOption(field, null_beside);
      const { message } = field;
      return {
        field,
        isNested: message !== undefined && !message.typeName.startsWith("google.protobuf."),
        isNullable: getOption(field, nullable),
        nullBeside: desc.fields.find(({ name }) => name === beside),
        omitsEmpty: getOption(field, omit_empty),
        askedBy: getOption(field, asked_by),
      };
    })
    .filter(isTouched);
  shownByMessage.set(desc, fields);
  return fields;
}

function isTouched({ isNested, isNullable, nullBeside, omitsEmpty, askedBy }: ShownField): boolean {
  return isNested || isNullable || nullBeside !== undefined || omitsEmpty || askedBy !== "";
}

/** Whether an unset field is shown as null. */
function isNull({ message }: ReflectMessage, { isNullable, nullBeside }: ShownField): boolean {
  return isNullable || (nullBeside !== undefined && isFieldSet(message, nullBeside));
}

/** Whether an empty list or map is left out. */
function isLeftOut({ omitsEmpty, askedBy }: ShownField, asked: ReadonlySet<string>): boolean {
  return omitsEmpty || (askedBy !== "" && !asked.has(askedBy));
}

function touchUpField(
  message: ReflectMessage,
  field: DescField,
  json: JsonValue | undefined,
  asked: ReadonlySet<string>,
): void {
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
