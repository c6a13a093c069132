// Checks a message against the field rules of the contract (options.proto, `rule`), for every transport.
import {
  type DescField,
  type DescMessage,
  getOption,
  hasOption,
  type Message,
} from "@bufbuild/protobuf";
import { type ReflectList, type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { ApiError, type FieldViolation } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { type Rule, rule } from "../../../proto/gen/realmgate/v1/options_pb.ts";
import { pointerStep } from "../../../proto/json-pointer.ts";

/** Throws ApiError with the code of the first broken rule and all violations. */
export function checkRules(desc: DescMessage, message: Message): void {
  const broken = brokenRules(desc, message);
  const first = broken[0];
  if (first !== undefined) throw new ApiError(first.code, broken);
}

/** Every rule that the message breaks. */
export function brokenRules(desc: DescMessage, message: Message): readonly Broken[] {
  const broken: Broken[] = [];
  checkMessage(reflect(desc, message), "", broken);
  return broken;
}

interface Broken extends FieldViolation {
  readonly code: ErrorCode;
}

function checkMessage(message: ReflectMessage, path: string, broken: Broken[]): void {
  for (const { field, rule: fieldRule } of fieldsToCheck(message.desc)) {
    const at = `${path}/${field.name}`;
    if (!message.isSet(field)) {
      // An implicit 0 or "" counts as unset: only `required` rejects it.
      if (fieldRule?.required) broken.push(violation(fieldRule, at, "is required"));
      continue;
    }
    const reason = fieldRule === null ? null : breaks(fieldRule, message, field);
    if (fieldRule !== null && reason !== null) broken.push(violation(fieldRule, at, reason));
    checkNested(message, field, at, broken);
  }
}

interface CheckedField {
  readonly field: DescField;
  readonly rule: Rule | null;
}

const checkedFields = new Map<DescMessage, readonly CheckedField[]>();

/** The fields that have a rule, or messages with rules in them. Kept: looking at an option takes a microsecond. */
function fieldsToCheck(desc: DescMessage): readonly CheckedField[] {
  const known = checkedFields.get(desc);
  if (known !== undefined) return known;
  const fields = desc.fields
    .map((field) => ({ field, rule: hasOption(field, rule) ? getOption(field, rule) : null }))
    .filter(({ field, rule }) => rule !== null || hasRules(field.message));
  checkedFields.set(desc, fields);
  return fields;
}

/** `above`: messages that are being looked at already. */
function hasRules(desc: DescMessage | undefined, above: readonly DescMessage[] = []): boolean {
  if (desc === undefined || isWellKnown(desc) || above.includes(desc)) return false;
  return desc.fields.some(
    (field) => hasOption(field, rule) || hasRules(field.message, [...above, desc]),
  );
}

function hasRulesCached(desc: DescMessage | undefined): boolean {
  return desc !== undefined && !isWellKnown(desc) && fieldsToCheck(desc).length > 0;
}

function isWellKnown({ typeName }: DescMessage): boolean {
  return typeName.startsWith("google.protobuf.");
}

function checkNested(
  message: ReflectMessage,
  field: DescField,
  at: string,
  broken: Broken[],
): void {
  if (!hasRulesCached(field.message)) return;
  switch (field.fieldKind) {
    case "message":
      checkMessage(message.get(field), at, broken);
      return;
    case "list":
      for (const [index, item] of [...message.get(field)].entries()) {
        checkMessage(item as ReflectMessage, `${at}/${index}`, broken);
      }
      return;
    case "map":
      for (const [key, item] of message.get(field)) {
        checkMessage(item as ReflectMessage, `${at}${pointerStep(String(key))}`, broken);
      }
  }
}

/** How a set field breaks its rule, or null. */
function breaks(rule: Rule, message: ReflectMessage, field: DescField): string | null {
  switch (field.fieldKind) {
    case "list":
      return breaksList(rule, message.get(field));
    case "map":
      return tooMany(rule, message.get(field).size);
    case "scalar": {
      const value = message.get(field);
      if (typeof value === "string") return breaksText(rule, value);
      return typeof value === "number" ? breaksNumber(rule, value) : null;
    }
    default:
      return null;
  }
}

function breaksList(rule: Rule, list: ReflectList): string | null {
  for (const item of list) {
    if (typeof item !== "string") continue;
    if (!isText(item)) return `must have only entries that are ${TEXT}`;
    if (rule.pattern !== "" && !pattern(rule).test(item)) {
      return `must have only entries that match ${rule.pattern}`;
    }
  }
  return tooMany(rule, list.size);
}

function tooMany(rule: Rule, entries: number): string | null {
  return rule.max !== undefined && entries > rule.max
    ? `must have at most ${rule.max} entries`
    : null;
}

function breaksText(rule: Rule, text: string): string | null {
  if (rule.required && text === "") return "must not be empty";
  if (!isText(text)) return `must be ${TEXT}`;
  const characters = [...text].length;
  if (rule.min !== undefined && characters < rule.min) {
    return `must have at least ${rule.min} characters`;
  }
  if (rule.max !== undefined && characters > rule.max) {
    return `must have at most ${rule.max} characters`;
  }
  if (rule.oneOf.length > 0 && !rule.oneOf.includes(text)) {
    return `must be one of ${rule.oneOf.join(", ")}`;
  }
  return rule.pattern !== "" && !pattern(rule).test(text) ? `must match ${rule.pattern}` : null;
}

const TEXT = "text without U+0000";

/** What every database can keep: PostgreSQL takes no U+0000. Half of a surrogate pair never comes out of JSON or protobuf. */
function isText(text: string): boolean {
  return !text.includes("\0");
}

function breaksNumber(rule: Rule, number: number): string | null {
  if (rule.min !== undefined && number < rule.min) return `must be at least ${rule.min}`;
  return rule.max !== undefined && number > rule.max ? `must be at most ${rule.max}` : null;
}

const patterns = new Map<string, RegExp>();

/** Cached: the patterns come from the contract, so their number is fixed. */
function pattern(rule: Rule): RegExp {
  const known = patterns.get(rule.pattern);
  if (known !== undefined) return known;
  const compiled = new RegExp(rule.pattern, "u");
  patterns.set(rule.pattern, compiled);
  return compiled;
}

function violation(rule: Rule, instancePath: string, message: string): Broken {
  return { code: rule.code || ErrorCode.VALIDATION_ERROR, instancePath, message };
}
