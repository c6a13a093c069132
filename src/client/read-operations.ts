// Descriptors → operations of the client. Only the generator and tests read descriptors; the client ships the generated table.
import { type DescField, type DescMethod, type DescService, getOption } from "@bufbuild/protobuf";
import { http } from "../../proto/gen/google/api/annotations_pb.ts";
import type { HttpRule } from "../../proto/gen/google/api/http_pb.ts";
import { answer, requires } from "../../proto/gen/realmgate/v1/options_pb.ts";
import { services } from "../../proto/services.ts";
import type { Operation } from "./operation.ts";
import { type OperationName, operationName } from "./operation-names.ts";

/** An operation with what only the generator needs. */
export interface DescribedOperation extends Operation, OperationName {
  readonly rpc: DescMethod;
  /** Index among the rpc's paths with different variables. */
  readonly pathIndex: number;
  /** The fields that the path names. */
  readonly variables: readonly DescField[];
  /** The body: one field of the message, or all its fields except the path's. */
  readonly body: DescField | readonly DescField[];
  /** Fields that the query may set. */
  readonly query: readonly DescField[];
  /** The field of the answer that becomes `data`; `message`: the whole answer; null: no data. */
  readonly data: DescField | "message" | null;
}

/** Throws when an operation has no name or shares one. */
export function readOperations(from: readonly DescService[] = services): DescribedOperation[] {
  const seen = new Set<string>();
  const all = from.flatMap((service) => service.methods.flatMap(operationsOf));
  for (const { group, method } of all) {
    const name = `${group}.${method}`;
    if (seen.has(name)) throw new Error(`${name} is the name of two operations`);
    seen.add(name);
  }
  return all;
}

function operationsOf(rpc: DescMethod): DescribedOperation[] {
  const rule = getOption(rpc, http);
  // A binding is an operation of its own only when its path has other variables.
  const byVariables = new Map<string, { rule: HttpRule; verb: string; path: string }>();
  for (const each of [rule, ...rule.additionalBindings]) {
    const { case: verb, value: path } = each.pattern;
    if (verb === undefined || verb === "custom") continue;
    const variables = variablesOf(path).join();
    if (!byVariables.has(variables)) byVariables.set(variables, { rule: each, verb, path });
  }
  return [...byVariables.values()].map(({ path, rule, verb }, index) => {
    const name = operationName(rpc.parent.name, rpc.name, index);
    if (name === null) throw new Error(`${rpc.parent.name}.${rpc.name}: ${path} has no name`);
    return { ...describe(rpc, name, verb, path, rule), pathIndex: index };
  });
}

function describe(
  rpc: DescMethod,
  name: OperationName,
  verb: string,
  path: string,
  { body, responseBody }: HttpRule,
): Omit<DescribedOperation, "pathIndex"> {
  const fields = rpc.input.fields.filter(isSendable);
  const field = (name: string, of = rpc.input) => {
    const found = of.fields.find((each) => each.name === name);
    if (found === undefined) throw new Error(`${of.typeName} has no ${name}`);
    return found;
  };
  const variables = variablesOf(path).map((name) => field(name));
  const rest = fields.filter((each) => !variables.includes(each));
  const whole = body === "*";
  const part = whole || body === "" ? null : field(body);
  const query = whole ? [] : rest.filter((each) => each !== part && each.message === undefined);
  const { withoutData } = getOption(rpc, answer);
  const bodyFields = part ?? (whole ? rest : []);
  const isPaged = ["cursor", "limit"].every((name) => query.some((each) => each.name === name));
  const items = rpc.output.fields.filter(({ fieldKind }) => fieldKind === "list");
  return {
    ...name,
    rpc,
    verb: verb.toUpperCase(),
    path,
    takesBody: !Array.isArray(bodyFields) || bodyFields.length > 0,
    versioned: getOption(rpc, requires).ifMatch,
    pages: isPaged ? (items[0]?.name ?? null) : null,
    variables,
    body: bodyFields,
    query,
    data: withoutData ? null : responseBody === "" ? "message" : field(responseBody, rpc.output),
  };
}

function variablesOf(path: string): string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
}

/** Callers do not send a FieldMask: REST derives it from the keys of the body. */
function isSendable({ message }: DescField): boolean {
  return message?.typeName !== "google.protobuf.FieldMask";
}
