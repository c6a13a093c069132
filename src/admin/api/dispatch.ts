// Entry point of the control plane for every transport: realm → caller → message → field rules → access → method. The only
// place that catches errors.

import { create, type DescMethod, type DescService, type Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { ApiError, type Call, type Dispatch, type Reply } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import {
  CallerKind,
  ProjectLevel,
  type Requires,
  type Resource,
} from "../../../proto/gen/realmgate/v1/options_pb.ts";
import { TokenBuckets } from "../../guard/token-buckets.ts";
import type { Log } from "../../log.ts";
import { clientNetwork } from "../../policy/client-network.ts";
import { type Caller, type Callers, isOperator } from "../auth/caller.ts";
import { AccountQuotaReached } from "../store/account-quotas.ts";
import { CallEvent, callEvent } from "../store/call-event.ts";
import type { Committed, ResourceKey, Scope, User } from "../store/records.ts";
import type { Store } from "../store/store.ts";
import { StorageFull, StoreUnavailable, WriteOutcomeUnknown } from "../store/store-errors.ts";
import { type Audited, auditOf, draftOf, originOf } from "./audit.ts";
import { authorize } from "./authorize.ts";
import { CallBudgets, type CallWork } from "./call-budget.ts";
import { checkRules } from "./field-rules.ts";
import { lackingLevel } from "./lacking.ts";
import { activeRealm, realmIdPattern } from "./realm.ts";
import { RefusalEvents } from "./refusal-events.ts";
import { isDryRun, requirementsOf, resourceKinds } from "./requirements.ts";
import type { RevisionTokens } from "./revision.ts";
import { stillMay } from "./still-may.ts";

/** A message that came within so many milliseconds is that of the caller who was identified before it. */
const PROMPT_MESSAGE_MS = 1_000;

/** Context of a public method: the caller is not authenticated. */
export interface PublicContext {
  /** Runs what takes long, and charges the caller for it. */
  readonly work: CallWork;
  /** IP address of the client. */
  readonly clientAddress: string;
  /** The `Authorization` value, or null; for the methods that create sessions. */
  readonly credential: string | null;
}

/** Context of a method with an authenticated caller. */
export interface Context extends PublicContext {
  readonly caller: Caller;
  /** The part of the store that the call may touch. */
  readonly scope: Scope;
  /** The caller's level in the project that the call acts on; UNSPECIFIED when the method has no resource. */
  readonly level: ProjectLevel;
  /** The raw `If-Match` value; see if-match.ts. */
  readonly ifMatch: string | null;
}

/** Result of a write: what it committed, or nothing stored in a dry run. */
export type WriteResult = { readonly committed: Committed } | { readonly dryRun: true };

/** Result of a method: its message, and for writes what was committed or the dry-run mark. */
export interface CallOutcome {
  readonly message: Message;
  readonly committed?: Committed;
  readonly dryRun?: true;
  readonly etag?: string;
  /** There was nothing to do, and nothing was done: the call leaves no event. */
  readonly unchanged?: true;
  /** Of a public method: the user that the call turned out to be. */
  readonly actor?: Pick<User, "id" | "username">;
}

type PublicHandler = (message: Message, context: PublicContext) => Promise<CallOutcome>;
type Handler = (message: Message, context: Context) => Promise<CallOutcome>;

// biome-ignore lint/suspicious/noExplicitAny: dispatch pairs each handler with its own method's message.
type ImplementedMethod = (message: any, context: Context) => Promise<CallOutcome>;

/** The methods of one service by local name (`createToken`). Each handler takes its own message type. */
export interface Implementation {
  readonly service: DescService;
  readonly methods: Readonly<Record<string, ImplementedMethod>>;
}

interface DispatchOptions {
  readonly implementations: readonly Implementation[];
  readonly store: Store;
  readonly callers: Callers;
  readonly revisions: RevisionTokens;
  /** How much work callers may cause; unset: as much as `callBudgetLimits` says. */
  readonly budgets?: CallBudgets;
  /** Told of events that were stored, or could not be; unset: nobody is. */
  readonly events?: EventCounts;
  readonly log: Pick<Log, "error">;
}

interface EventCounts {
  eventStored(kind: string): void;
  eventLost(): void;
}

interface MethodRoute {
  readonly needs: Requires;
  /** Null: the method only reads. */
  readonly audited: Audited | null;
  readonly handler: Handler;
}

/** How far a call came. */
interface Progress {
  caller: Caller | null;
  realmId: string | null;
  /** What it acts on, once the caller turned out to see it. */
  within: ResourceKey | null;
  /** Null: not read, or not valid. */
  message: Message | null;
}

/** Changes of one account, each of which leaves an event: an account must not fill the table. Operators are exempt. */
export const changeLimit = { burst: 5_000, perSecond: 5 } as const;

interface RunParts {
  readonly options: DispatchOptions;
  readonly budgets: CallBudgets;
  readonly changes: TokenBuckets;
}

/** A database fails over within seconds. */
const STORE_RETRY_S = 1;

/** Throws when a method has no implementation, or a missing or contradictory `requires` option. */
export function createDispatch(options: DispatchOptions): Dispatch {
  const routes = new Map(
    options.implementations.flatMap(({ service, methods }) =>
      service.methods.map((method) => [method, routeOf(method, methods)] as const),
    ),
  );
  const budgets = options.budgets ?? new CallBudgets(() => performance.now() / 1000);
  const changes = new TokenBuckets(changeLimit, () => performance.now() / 1000);
  const refusals = new RefusalEvents(options.store, () => performance.now() / 1000);
  return async (call) => {
    const progress: Progress = { caller: null, realmId: null, within: null, message: null };
    const route = routes.get(call.method);
    try {
      if (route === undefined) throw new Error(`${call.method.name} is not served`);
      const parts = { options, budgets, changes };
      return await reply(call, await run(route, call, parts, progress), options);
    } catch (error) {
      if (error instanceof ApiError) {
        const { caller, realmId, within, message } = progress;
        const origin = originOf(call, caller, realmId);
        const refused = { call, audited: route?.audited ?? null, origin, within, message };
        await refusals.record(error, refused).catch((err: unknown) => {
          options.events?.eventLost();
          options.log.error({ err, requestId: call.requestId }, "a refusal was not recorded");
        });
      }
      if (error instanceof AccountQuotaReached) {
        const code = ErrorCode.ACCOUNT_QUOTA_REACHED;
        return { ok: false, code, violations: [], retryAfterS: null };
      }
      if (error instanceof ApiError) {
        const { code, violations, retryAfterS, metadata } = error;
        return { ok: false, code, violations, retryAfterS, metadata };
      }
      const { method, requestId } = call;
      options.log.error({ err: error, method: method.name, requestId }, "a call failed");
      if (error instanceof StoreUnavailable) {
        const code = ErrorCode.STORE_UNAVAILABLE;
        return { ok: false, code, violations: [], retryAfterS: STORE_RETRY_S };
      }
      if (error instanceof StorageFull) {
        const code = ErrorCode.STORAGE_FULL;
        return { ok: false, code, violations: [], retryAfterS: null };
      }
      if (error instanceof WriteOutcomeUnknown) {
        const code = ErrorCode.WRITE_OUTCOME_UNKNOWN;
        return { ok: false, code, violations: [], retryAfterS: null };
      }
      return { ok: false, code: ErrorCode.INTERNAL_ERROR, violations: [], retryAfterS: null };
    }
  };
}

function routeOf(method: DescMethod, methods: Implementation["methods"]): MethodRoute {
  const handler = methods[method.localName];
  if (handler === undefined) {
    throw new Error(`${method.parent.typeName}.${method.name} is not implemented`);
  }
  const needs = requirementsOf(method);
  return { needs, audited: auditOf(method, needs), handler };
}

async function run(
  { needs, audited, handler }: MethodRoute,
  call: Call,
  { options, budgets, changes }: RunParts,
  progress: Progress,
): Promise<CallOutcome> {
  const realmId = activeRealm(call.authority, call.realmId);
  if (realmId === "invalid") throw new ApiError(ErrorCode.INVALID_HOST);
  progress.realmId = realmId;
  const { credential, clientAddress } = call;
  if (needs.caller === CallerKind.PUBLIC) {
    const work = budgets.begin(`network ${clientNetwork(clientAddress)}`);
    if (call.identifiesOnly) return { message: create(call.method.output) };
    const message = await readMessage(call, work);
    progress.message = message;
    const draft =
      audited === null
        ? null
        : draftOf(audited, call, message, originOf(call, null, realmId), null);
    return leaving(draft === null ? null : new CallEvent(draft), options, () =>
      (handler as PublicHandler)(message, { work, credential, clientAddress }),
    );
  }
  const identified = await options.callers.identify(credential, clientAddress);
  progress.caller = identified;
  authorize(identified, needs, realmId);
  const scopeBefore = scopeOf(call, identified, needs, realmId);
  const work = budgets.begin(`user ${identified.user.id}`);
  if (call.identifiesOnly) return { message: create(call.method.output) };
  const askedMs = performance.now();
  const message = await readMessage(call, work);
  progress.message = message;
  // A message that took its time may outlive a ban, a logout or a right.
  const isLate = performance.now() - askedMs > PROMPT_MESSAGE_MS;
  const caller = isLate ? await options.callers.identify(credential, clientAddress) : identified;
  progress.caller = caller;
  if (isLate) authorize(caller, needs, realmId);
  const callerScope = isLate ? scopeOf(call, caller, needs, realmId) : scopeBefore;
  const dryRun = isDryRun(call.method, message);
  const scope = dryRun ? { ...callerScope, dryRun } : callerScope;
  const level =
    needs.resource === undefined
      ? ProjectLevel.UNSPECIFIED
      : await accessTo(needs, needs.resource, message, scope, call.method, options.store, progress);
  const origin = originOf(call, caller, realmId);
  const draft =
    audited === null || dryRun ? null : draftOf(audited, call, message, origin, progress.within);
  if (draft !== null && !isOperator(caller)) {
    // Tokens that were given away must not use up what their owner needs for the kill switch.
    const waitS = changes.take(`${caller.user.id} ${caller.token === null}`, 1);
    if (waitS > 0) throw new ApiError(ErrorCode.RATE_LIMITED, [], Math.ceil(waitS));
  }
  const event =
    draft === null
      ? null
      : new CallEvent(draft, stillMay({ caller, needs, realmId, clientAddress }));
  const outcome = await leaving(event, options, () =>
    handler(message, {
      work,
      caller,
      scope,
      level,
      ifMatch: needs.ifMatch ? call.ifMatch : null,
      credential,
      clientAddress,
    }),
  );
  if (dryRun !== (outcome.dryRun ?? false)) {
    throw new Error(
      `${call.method.name} did not do the ${dryRun ? "dry run" : "write"} that was requested`,
    );
  }
  return outcome;
}

/** Runs a call that leaves an event: with its first write that changes something; where there was none, afterwards. */
async function leaving(
  event: CallEvent | null,
  { store, events }: DispatchOptions,
  handle: () => Promise<CallOutcome>,
): Promise<CallOutcome> {
  if (event === null) return handle();
  const { draft } = event;
  const outcome = await callEvent.run(event, handle);
  if (event.isRecorded) {
    events?.eventStored(event.draft.kind);
    return outcome;
  }
  if (outcome.unchanged) return outcome;
  const { actor } = outcome;
  const isOwn = draft.resourceKind === "user" && draft.resourceId === null;
  const recorded = {
    ...event.draft,
    ...(actor === undefined ? {} : { actorId: actor.id, actorName: actor.username }),
    ...(isOwn ? { resourceId: actor?.id ?? draft.actorId } : {}),
  };
  // Still a part of the call, but not a write that leaves an event of its own.
  event.isRecorded = true;
  await callEvent.run(event, () => store.recordEvent(recorded));
  events?.eventStored(recorded.kind);
  return outcome;
}

/** A realm that contains no resource: replaces a filter for a realm that a confined caller may not use. */
const emptyRealm = "";

function scopeOf(call: Call, caller: Caller, needs: Requires, realmId: string | null): Scope {
  const confinedTo = caller.token?.rights.confinedTo ?? null;
  const filter = call.realmFilter;
  if (filter !== null && !realmIdPattern.test(filter)) {
    const message = "must be 24 lower-case hex digits";
    throw new ApiError(ErrorCode.INVALID_REALM_ID_FORMAT, [{ instancePath: "/realm_id", message }]);
  }
  const realms = realmId === null ? [] : [realmId];
  if (filter !== null) {
    realms.push(confinedTo === null || confinedTo.includes(filter) ? filter : emptyRealm);
  }
  const level = needs.level || ProjectLevel.READ;
  return { userId: caller.user.id, realmId, realms, confinedTo, level };
}

/** The caller's level on the resource of the call. Throws ApiError: not found takes precedence over insufficient level. */
async function accessTo(
  needs: Requires,
  resource: Resource,
  message: Message,
  scope: Scope,
  method: DescMethod,
  store: Store,
  progress: Progress,
): Promise<ProjectLevel> {
  const { kind, notFound } = resourceKinds(resource.kind);
  const id = textField(method, message, resource.field);
  const access = await store.access(scope, { kind, id });
  if (access === null) {
    const inRealm = scope.realmId !== null && resource.missingInRealm !== ErrorCode.UNSPECIFIED;
    throw new ApiError(inRealm ? resource.missingInRealm : notFound);
  }
  progress.within = { kind, id };
  if (access.level < needs.level) throw lackingLevel(needs.level, access.level);
  if (access.shared && !resource.shared) throw new ApiError(ErrorCode.SHARED_ACROSS_REALMS);
  return access.level;
}

function textField(method: DescMethod, message: Message, name: string): string {
  const field = method.input.fields.find((each) => each.name === name);
  return field === undefined ? "" : String(reflect(method.input, message).get(field));
}

async function readMessage(call: Call, work: CallWork): Promise<Message> {
  const message = await call.message((read) => work.measure(read));
  work.measure(() => checkRules(call.method.input, message));
  return message;
}

async function reply(call: Call, outcome: CallOutcome, options: DispatchOptions): Promise<Reply> {
  const { committed, etag } = outcome;
  return {
    ok: true,
    message: create(call.method.output, outcome.message),
    revision: committed === undefined ? null : options.revisions.seal(committed),
    etag: etag ?? null,
    dryRun: outcome.dryRun ?? false,
  };
}
