// Descriptors → the operations of the client. Only the generator and tests read descriptors: the client ships a table.
import { type DescField, type DescMethod, type DescService, getOption } from "@bufbuild/protobuf";
import { http } from "../../proto/gen/google/api/annotations_pb.ts";
import type { HttpRule } from "../../proto/gen/google/api/http_pb.ts";
import { AliasService } from "../../proto/gen/realmgate/v1/aliases_pb.ts";
import { ContainerService } from "../../proto/gen/realmgate/v1/containers_pb.ts";
import { ContainerDiscoveryService } from "../../proto/gen/realmgate/v1/discovery_pb.ts";
import { ContainerHooksService } from "../../proto/gen/realmgate/v1/hooks_pb.ts";
import { ProjectMemberService } from "../../proto/gen/realmgate/v1/members_pb.ts";
import { answer, requires } from "../../proto/gen/realmgate/v1/options_pb.ts";
import {
  ContainerPermissionsService,
  ProjectPermissionsService,
} from "../../proto/gen/realmgate/v1/permissions_pb.ts";
import { ProjectService } from "../../proto/gen/realmgate/v1/projects_pb.ts";
import { RealmService } from "../../proto/gen/realmgate/v1/realms_pb.ts";
import { ServerService } from "../../proto/gen/realmgate/v1/servers_pb.ts";
import { ContainerSettingsService } from "../../proto/gen/realmgate/v1/settings_pb.ts";
import { TokenService } from "../../proto/gen/realmgate/v1/tokens_pb.ts";
import { UserService } from "../../proto/gen/realmgate/v1/users_pb.ts";
import type { Operation } from "./operation.ts";
import { type OperationName, operationName } from "./operation-names.ts";

/** All services with REST routes. A test compares this with what the server serves. */
export const services: readonly DescService[] = [
  ProjectService,
  ProjectMemberService,
  ContainerService,
  ProjectPermissionsService,
  ContainerPermissionsService,
  ContainerSettingsService,
  ContainerDiscoveryService,
  ContainerHooksService,
  AliasService,
  TokenService,
  UserService,
  RealmService,
  ServerService,
];

/** What the generator needs beside the table's line. */
export interface DescribedOperation extends Operation, OperationName {
  readonly rpc: DescMethod;
  /** Which of the rpc's paths with different variables, from 0. */
  readonly pathIndex: number;
  /** The fields that the path names. */
  readonly variables: readonly DescField[];
  /** What the body is: one field of the message, or its fields without the path's. */
  readonly body: DescField | readonly DescField[];
  /** Fields that the query may set. */
  readonly query: readonly DescField[];
  /** The field of the answer that `data` is; `message`: the whole; null: there is none. */
  readonly data: DescField | "message" | null;
}

/** Throws when an operation has no name, or two have the same. */
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
  // Another verb or spelling of the same call is no operation of its own; other variables make one.
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
  const isPaged = ["page", "limit"].every((name) => query.some((each) => each.name === name));
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

/** What REST fills itself is not for callers: a FieldMask from the keys of the body. */
function isSendable({ message }: DescField): boolean {
  return message?.typeName !== "google.protobuf.FieldMask";
}
