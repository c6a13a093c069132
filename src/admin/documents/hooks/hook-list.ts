// The hooks of a container: lists by program, their places, and how they are stored and shown. Pure.
import { fromJson, type JsonObject, toJson } from "@bufbuild/protobuf";
import { type ListValue, ListValueSchema } from "@bufbuild/protobuf/wkt";
import { ApiError } from "../../../../proto/call.ts";
import { ErrorCode } from "../../../../proto/gen/realmgate/v1/errors_pb.ts";
import { type Hook, HookSchema } from "../../../../proto/gen/realmgate/v1/hooks_pb.ts";
import { canonicalProgram } from "../../../policy/program.ts";
import type { DocumentState } from "../../store/records.ts";

/** Hooks by canonical program, in the order in which they are tried; no list is empty, positions count from 0. */
export type Hooks = ReadonlyMap<string, readonly Hook[]>;

export const hooksPerServiceMax = 8;
export const hooksPerContainerMax = 32;

/** Programs whose traffic never goes to a script. */
const withoutHooks: ReadonlySet<string> = new Set(["logs", "proxy", "workspaces", "cdp", "egress"]);

/** A program as a caller names it. */
export interface HookService {
  /** Canonical; a name that takes no hooks stays as it was written. */
  readonly service: string;
  readonly takesHooks: boolean;
}

/** Null: it is no program name. A name takes hooks when neither itself nor the program that it stands for is without. */
export function hookServiceOf(name: string): HookService | null {
  const program = canonicalProgram(name);
  if (program === undefined) return null;
  if (withoutHooks.has(name)) return { service: name, takesHooks: false };
  return { service: program, takesHooks: !withoutHooks.has(program) };
}

/** The stored hooks. */
export function storedHooks({ hooks }: Pick<DocumentState, "hooks">): Hooks {
  const lists: Record<string, JsonObject[]> = hooks === null ? {} : JSON.parse(hooks);
  return new Map(
    Object.entries(lists).map(([service, list]) => [
      service,
      list.map((hook) => fromJson(HookSchema, hook)),
    ]),
  );
}

/** Hooks as they are stored: JSON text; null when there are none. */
export function hooksText(hooks: Hooks): string | null {
  return hooks.size === 0 ? null : JSON.stringify(hooksJson(hooks));
}

/** Hooks as callers see them: lists of JSON by program. */
export function hooksListed(hooks: Hooks): Record<string, ListValue> {
  const lists = Object.entries(hooksJson(hooks));
  return Object.fromEntries(
    lists.map(([service, list]) => [service, fromJson(ListValueSchema, list)]),
  );
}

function hooksJson(hooks: Hooks): Record<string, JsonObject[]> {
  return Object.fromEntries(
    hooks.entries().map(([service, list]) => [service, list.map(hookJson)] as const),
  );
}

/** A hook as it is shown on its own, too: position 0 is said, absent conditions are not. */
function hookJson(hook: Hook): JsonObject {
  const json = toJson(HookSchema, hook, { useProtoFieldName: true }) as JsonObject;
  return { ...json, position: hook.position };
}

/** The hooks with another list for one program; positions are counted anew. */
export function withList(hooks: Hooks, service: string, list: readonly Hook[]): Hooks {
  const next = new Map(hooks);
  const numbered = list.map((hook, position) => ({ ...hook, position }));
  if (numbered.length === 0) next.delete(service);
  else next.set(service, numbered);
  return next;
}

/** A list with a hook put in at a position; at the end when that is beyond it, or undefined. */
export function inserted(list: readonly Hook[], hook: Hook, position = list.length): Hook[] {
  return list.toSpliced(position, 0, hook);
}

/** A list with one of its hooks at another position; at the end when that is beyond it. Throws ApiError HOOK_NOT_FOUND. */
export function moved(list: readonly Hook[], hookId: string, position?: number): Hook[] {
  const { hook, place } = found(list, hookId);
  return inserted(list.toSpliced(place, 1), hook, position);
}

/** A hook and where in its list it is. Throws ApiError HOOK_NOT_FOUND. */
export function found(list: readonly Hook[], hookId: string): { hook: Hook; place: number } {
  const place = list.findIndex(({ id }) => id === hookId);
  const hook = list[place];
  if (hook === undefined) throw new ApiError(ErrorCode.HOOK_NOT_FOUND);
  return { hook, place };
}

/** How many hooks there are over all programs. */
export function hookCount(hooks: Hooks): number {
  return hooks.values().reduce((count, list) => count + list.length, 0);
}
