// Which event a method leaves (options.proto, `audit`), and its draft before the call runs.
import { type DescMethod, getOption, hasOption, type Message } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import type { Call } from "../../../proto/call.ts";
import { http } from "../../../proto/gen/google/api/annotations_pb.ts";
import { answer, audit, type Requires } from "../../../proto/gen/realmgate/v1/options_pb.ts";
import type { Caller } from "../auth/caller.ts";
import type { EventDraft } from "../store/call-event.ts";
import { EVENT_RESOURCES, type EventResource, type NewEvent } from "../store/event-records.ts";
import type { ResourceKey } from "../store/records.ts";
import { resourceKinds } from "./requirements.ts";

export interface Audited {
  readonly kind: string;
  readonly resource: EventResource | null;
  /** The request's field with the resource's id; empty: none. */
  readonly field: string;
  readonly part: string;
  readonly takesAway: boolean;
  /** Fields of the path: they say which, not what. */
  readonly pathFields: ReadonlySet<string>;
  /** Of its route over REST: the HTTP method, the path with fields in braces, and the status of success. */
  readonly verb: string | null;
  readonly path: string | null;
  readonly status: number;
}

/** Names of an event at most, and characters of each. */
const namesMax = 32;
const nameMax = 100;
/** Characters of the path of an event. */
const pathMax = 512;

const resources: ReadonlySet<string> = new Set(EVENT_RESOURCES);

/** Null: the method only reads. Throws when it says nothing: then the server must not start. */
export function auditOf(method: DescMethod, needs: Requires): Audited | null {
  const name = `${method.parent.typeName}.${method.name}`;
  const said = getOption(method, audit);
  const { pattern } = getOption(method, http);
  const takesAway = pattern.case === "delete";
  if (said.reads) return null;
  if (!hasOption(method, audit)) {
    if (pattern.case === "get") return null;
    throw new Error(`${name} does not say which event it leaves, or that it only reads`);
  }
  if (said.kind === "" || (said.resource !== "" && !resources.has(said.resource))) {
    throw new Error(`${name} leaves an event without a kind, or of an unknown resource`);
  }
  const path = pattern.case === undefined || pattern.case === "custom" ? "" : pattern.value;
  const own = said.resource === "" ? needs.resource : undefined;
  return {
    kind: said.kind,
    resource: own === undefined ? (said.resource as EventResource) : resourceKinds(own.kind).kind,
    field: own === undefined ? said.field : own.field,
    part: said.part,
    takesAway,
    pathFields: new Set([...path.matchAll(/\{([a-z_]+)\}/g)].map(([, field]) => field ?? "")),
    verb: path === "" ? null : (pattern.case?.toUpperCase() ?? null),
    path: path === "" ? null : path,
    status: getOption(method, answer).status || 200,
  };
}

/** Who calls, and from where. */
export function originOf(
  call: Call,
  caller: Caller | null,
  realmId: string | null,
): Pick<NewEvent, "actorId" | "actorName" | "tokenId" | "ip" | "requestId" | "realmId"> {
  return {
    actorId: caller?.user.id ?? null,
    actorName: caller?.user.username ?? null,
    tokenId: caller?.token?.token.id ?? null,
    ip: call.clientAddress,
    requestId: call.requestId,
    realmId,
  };
}

/** `within`: what the call acts on, as `requires` names it. */
export function draftOf(
  audited: Audited,
  call: Call,
  message: Message,
  origin: ReturnType<typeof originOf>,
  within: ResourceKey | null,
): EventDraft {
  const { kind, resource, field, part, takesAway, pathFields } = audited;
  const request = reflect(call.method.input, message);
  const id = field === "" ? "" : textOf(request, field);
  const fields = part === "" ? sentFields(request, pathFields) : [filled(part, request)];
  return {
    ...origin,
    kind,
    code: null,
    attempted: null,
    resourceKind: resource,
    resourceId: id === "" ? null : id,
    fields: fields.slice(0, namesMax).map((name) => name.slice(0, nameMax)),
    versionBefore: null,
    versionAfter: null,
    method: audited.verb,
    path: pathOf(audited, call, message),
    status: audited.status,
    within,
    takesAway,
  };
}

/** Of the route, with the call's own values; of a call that was refused before its message was read, with names in braces. */
export function pathOf(
  { path }: Audited,
  { method }: Pick<Call, "method">,
  message: Message | null,
): string | null {
  if (path === null || message === null) return path;
  return filled(path, reflect(method.input, message)).slice(0, pathMax);
}

/** A text with the request's fields in place of their names in braces. */
function filled(text: string, request: ReflectMessage): string {
  return text.replace(/\{([a-z_]+)\}/g, (_whole, name: string) => textOf(request, name));
}

/** How a field says how the call is made, not what it changes. */
const manners: ReadonlySet<string> = new Set(["update_mask", "validate_only", "current_password"]);

/** The names of what was sent; of a document those of its parts. */
function sentFields(request: ReflectMessage, without: ReadonlySet<string>): string[] {
  const mask = maskOf(request);
  return request.fields.flatMap((field) => {
    const isSent = mask === null ? request.isSet(field) : mask.has(field.name);
    if (!isSent || without.has(field.name) || manners.has(field.name)) return [];
    if (field.name !== "document" || field.fieldKind !== "message") return [field.name];
    const document = request.get(field);
    return document.fields.filter((each) => document.isSet(each)).map(({ name }) => name);
  });
}

/** Null: the request has no mask. */
function maskOf({ message }: ReflectMessage): ReadonlySet<string> | null {
  const mask: unknown = Reflect.get(message, "updateMask");
  const paths = typeof mask === "object" && mask !== null ? Reflect.get(mask, "paths") : null;
  return Array.isArray(paths) ? new Set(paths.map(String)) : null;
}

function textOf(request: ReflectMessage, name: string): string {
  const field = request.fields.find((each) => each.name === name);
  return field === undefined ? "" : String(request.get(field) ?? "");
}
