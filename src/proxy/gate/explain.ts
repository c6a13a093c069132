// An imagined request, admitted or rejected by the function that the proxy itself calls, and explained group by group.
import { create, fromJson, type JsonValue, type MessageInitShape } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import type { FieldViolation as Violation } from "../../../proto/call.ts";
import {
  type ExplainedGroup,
  ExplainedGroupSchema,
  type ExplainRequest,
  type Explanation,
  ExplanationSchema,
  type JudgedTargetSchema,
} from "../../../proto/gen/realmgate/v1/explain_pb.ts";
import { ChangesSchema } from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import type { PermissionDocument } from "../../../proto/gen/realmgate/v1/permissions_pb.ts";
import { has } from "../../policy/bitset.ts";
import type { CompiledPolicy } from "../../policy/compile.ts";
import { couldBeGranted, type Decision, decide, grantingGroups } from "../../policy/decide.ts";
import type { PolicyDocument } from "../../policy/document.ts";
import { dateMsMax, GroupExaminer, type GroupReason } from "../../policy/explain-group.ts";
import type { PolicyGroup } from "../../policy/group.ts";
import { type Identity, identify } from "../../policy/identify.ts";
import { contains } from "../../policy/instance-set.ts";
import { unseenFamilies } from "../../policy/ip-family.ts";
import { parseAddressKey } from "../../policy/ip-range.ts";
import { ruleFor } from "../../policy/open-access.ts";
import { DECISION_REASONS } from "../../policy/reason.ts";
import { finish, type Steps } from "../../policy/steps.ts";
import type { DirectHost, HostName } from "../routing/host.ts";
import { NO_PORT, ProgramPorts, type Target } from "../routing/program-ports.ts";
import { Snapshot } from "../snapshot/snapshot.ts";
import type { SnapshotOptions } from "../snapshot/snapshot-edit.ts";
import { type Admission, admit } from "./admission.ts";
import type { Allowed } from "./authorize.ts";
import { trustedProxies } from "./client-address.ts";
import { documentInForce, type ExplainedState } from "./explain-document.ts";
import { type Asked, readRequest } from "./explain-request.ts";
import { type Absence, summaryOf } from "./explain-summary.ts";
import { isPreflight } from "./preflight.ts";
import { statusOf } from "./refusal.ts";

/** What of a node decides whether and where it dials. */
export interface DialingNode extends Pick<SnapshotOptions, "programPorts"> {
  /** Whether an address and port are one of its own listeners: those are never dialled. */
  readonly isForbidden: (address: string, port: number) => boolean;
  /** Whether a container may have this address there. Unset: where the installation allows it. */
  readonly mayDial?: SnapshotOptions["mayDial"];
}

/** What of the installation decides; the same as the proxy itself is started with. */
export interface ExplainOptions extends Pick<SnapshotOptions, "mayDial"> {
  readonly domain: string;
  /** The node of a container's server, by name. */
  readonly nodeOf: (server: string) => DialingNode;
}

/** Runs the steps of what takes long. */
type Run = <Result>(steps: Steps<Result>) => Promise<Result>;

/**
 * The explanation, or what is wrong with the question. `nowMs`: Unix milliseconds, where the question names no time. `run`: how
 * the work is done; at once when unset.
 */
export type Explain = (
  state: ExplainedState,
  request: ExplainRequest,
  nowMs: number,
  run?: Run,
) => Promise<Explanation | readonly Violation[]>;

export function explainer(options: ExplainOptions): Explain {
  return async (state, request, nowMs, run = async (steps) => finish(steps)) => {
    const asked = readRequest(options.domain, state.container, request, nowMs);
    return Array.isArray(asked) ? asked : explain(options, state, asked as Asked, run);
  };
}

async function explain(
  options: ExplainOptions,
  state: ExplainedState,
  asked: Asked,
  run: Run,
): Promise<Explanation> {
  const { container, project } = state;
  const { stored, document, policy } = await run(documentInForce(state));
  const node = options.nodeOf(container.serverName);
  const snapshot = snapshotOf({ ...options, ...node }, state, policy);
  const admission = await admissionOf(node, snapshot, asked);
  const { allowed, host, alias } = wayOf(admission);
  const refusal = admission.kind === "rejected" ? admission.refusal : null;
  const ports = new ProgramPorts(container.programs, node.programPorts);
  const target = host === null ? null : ports.target(host.program, host.instance);
  const identity =
    policy === null
      ? null
      : await identify(
          policy,
          asked.presented,
          parseAddressKey(asked.address ?? ""),
          asked.nowMs / 1000,
        );
  const groups =
    document === null || stored === undefined || identity === null
      ? []
      : await explainGroups({ document, stored, identity, target, asked }, run);
  const reason = reasonOf(admission);
  const decision =
    policy === null || identity === null || target === null
      ? null
      : decide(policy, identity, target.program, target.instance);
  const groupsAsked = asksGroups(reason) && policy !== null;
  if (groupsAsked) {
    assertAgreement(reason, decision, () =>
      policy.passesPreflights && isPreflight(asked.head) && identity !== null && target !== null
        ? couldBeGranted(policy, identity, target.program, target.instance)
        : false,
    );
  }
  const fields = {
    allow: refusal === null,
    ...(refusal === null ? {} : { status: statusOf(refusal.reason, refusal.denial) }),
    reason,
    groups,
    grantingGroups: groupsAsked && decision !== null ? [...grantingGroups(policy, decision)] : [],
    documentOrigin: container.documentDigest
      ? "container"
      : stored === undefined
        ? "none"
        : "project",
    preflight: document?.preflight ?? "judge",
    default: document?.default ?? (stored === undefined ? "allow" : "deny"),
    combine: document?.combine ?? "any",
    enableProxy: !container.disabled,
    projectEnableProxy: !project.disabled,
    removedCredentials: allowed === null ? [] : removedFrom(asked, allowed),
    ...(refusal?.denial?.challenge ? { challenge: refusal.denial.challenge } : {}),
    time: new Date(asked.nowMs).toISOString(),
    ...(allowed === null ? {} : validUntil(allowed.untilMs)),
    groupsAsked,
    warnings: document === null ? [] : unseenFamilies(document.groups.values()),
    ...(host === null || target === null ? {} : { judgedAs: judgedAs(host, target, alias) }),
  } satisfies MessageInitShape<typeof ExplanationSchema>;
  return create(ExplanationSchema, {
    ...fields,
    summary: summaryOf(
      create(ExplanationSchema, fields),
      reason === "no_container" ? absenceOf(state, asked.host) : null,
    ),
  });
}

function removedFrom(
  { presented }: Asked,
  { consumedCredentials, unverifiedSources }: Allowed,
): string[] {
  const unverified = unverifiedSources.filter((place) => presented.found(place) !== "absent");
  return [...consumedCredentials, ...unverified].map(({ kind, name }) => `${kind}:${name}`);
}

/** In the order of `Snapshot.route`; it speaks of this container only, so that no other one shows. */
function absenceOf({ container, project }: ExplainedState, host: HostName): Absence {
  if (host.kind === "refused") return "other_server";
  if (host.kind === "direct" && host.project !== project.id) return "other_project";
  if (!container.running) return "not_running";
  if (container.address === undefined) return "no_address";
  return "undialled_address";
}

/**
 * A snapshot in which there is this one container, as on its own server. `policy`: the document in force, compiled; null: the
 * snapshot finds out why there is none. A document that is not in force is not compiled.
 */
function snapshotOf(
  { programPorts, mayDial }: Pick<SnapshotOptions, "programPorts" | "mayDial">,
  { container, project, documents }: ExplainedState,
  policy: CompiledPolicy | null,
): Snapshot {
  const { serverName } = container;
  const changes = create(ChangesSchema, {
    projects: [project],
    containers: [container],
    documents: [...documents],
  });
  const digest = container.documentDigest ?? project.documentDigest;
  const recentPolicies = { take: (asked: string) => (asked === digest ? policy : null) };
  const options = { serverName, programPorts, mayDial, recentPolicies, log: SILENT };
  return Snapshot.empty(options).replacedBy(changes);
}

/** Errors in stored documents show in the explanation and need no log line. */
const SILENT = { error: () => {}, warn: () => {}, info: () => {} };

/** What the proxy of the container's server says. */
function admissionOf(
  { isForbidden }: DialingNode,
  snapshot: Snapshot,
  { head, host, nowMs }: Asked,
): Admission | Promise<Admission> {
  return admit(
    head,
    {
      parseHost: () => host,
      trusted: NO_PROXIES,
      isForbidden,
      hasRoom: () => true,
      mayFail: () => true,
      signatures: null,
      redirectPort: () => null,
      bypassesHooks: () => false,
    },
    snapshot,
    nowMs,
  );
}

const NO_PROXIES = trustedProxies([]);

/** The authorization of an admitted request, and the names that it was asked by. */
function wayOf(admission: Admission): {
  readonly allowed: Allowed | null;
  readonly host: DirectHost | null;
  readonly alias: string | null;
} {
  const authorized = admission.kind === "admitted" ? admission : admission.authorized;
  if (authorized === null) {
    return { allowed: null, host: null, alias: null };
  }
  const { host } = authorized.result;
  const asked = authorized.request.host;
  return {
    allowed: admission.kind === "admitted" ? admission.result : null,
    host,
    alias: asked.kind === "alias" && host !== null ? asked.name : null,
  };
}

function reasonOf(admission: Admission): string {
  if (admission.kind === "rejected") {
    return admission.refusal.reason;
  }
  const { groups, route, passedPreflight } = admission.result;
  if (passedPreflight) {
    return "preflight";
  }
  if (groups !== null) {
    return "granted";
  }
  return route.policy === null ? "open" : "default_allow";
}

/** Whether a result comes from the groups: a missing port is only noticed when they grant the request. */
function asksGroups(reason: string): boolean {
  return (
    reason === "no_upstream" ||
    reason === "preflight" ||
    (DECISION_REASONS as readonly string[]).includes(reason)
  );
}

/** Throws when the result is not the one of the groups that are told: then nothing must be told. */
function assertAgreement(
  reason: string,
  decision: Decision | null,
  passesPreflight: () => boolean,
): void {
  if (decision === null) {
    throw new Error(`the result is ${reason}, and no group was asked`);
  }
  const agrees =
    reason === "preflight"
      ? !decision.allow && passesPreflight()
      : reason === "no_upstream"
        ? decision.allow || passesPreflight()
        : decision.reason === reason && (decision.allow || !passesPreflight());
  if (!agrees) {
    throw new Error(`the result is ${reason}, and its explanation ${decision.reason}`);
  }
}

interface Looked {
  readonly document: PolicyDocument;
  /** As it is stored: it shows rules as they were written. */
  readonly stored: PermissionDocument;
  readonly identity: Identity;
  readonly target: Target | null;
  readonly asked: Asked;
}

/** Throws when a group's explanation contradicts `identify`: explain must never differ from the gate. */
async function explainGroups(looked: Looked, run: Run): Promise<ExplainedGroup[]> {
  const { document, asked } = looked;
  const { address, nowMs, presented } = asked;
  const examiner = new GroupExaminer({
    look: (location) => presented.found(location),
    address,
    nowS: nowMs / 1000,
  });
  const reasons: GroupReason[] = [];
  for (const batch of batches([...document.groups.values()])) {
    reasons.push(...(await run(examined(examiner, batch))));
  }
  return run(toldGroups(looked, reasons));
}

/** Groups that are looked at in one go. */
const BATCH = 64;

function batches<Item>(items: readonly Item[]): Item[][] {
  const count = Math.ceil(items.length / BATCH);
  return Array.from({ length: count }, (_, i) => items.slice(i * BATCH, (i + 1) * BATCH));
}

function* examined(examiner: GroupExaminer, groups: readonly PolicyGroup[]): Steps<GroupReason[]> {
  const reasons: GroupReason[] = [];
  for (const group of groups) {
    reasons.push(examiner.explain(group));
    yield 1;
  }
  return reasons;
}

function* toldGroups(looked: Looked, reasons: readonly GroupReason[]): Steps<ExplainedGroup[]> {
  const { document, identity } = looked;
  const groups: ExplainedGroup[] = [];
  for (const [index, [name, { type }]] of [...document.groups].entries()) {
    const reason = reasons[index];
    if (reason === undefined || reason.matched !== has(identity.groups, index)) {
      throw new Error(`group ${name}: explained as ${reason?.why}, identified otherwise`);
    }
    const { matched, why, text } = reason;
    const explained = { name, type, matched, why, whyText: text, ...explainRule(looked, name) };
    groups.push(create(ExplainedGroupSchema, explained));
    yield 1;
  }
  return groups;
}

function explainRule(
  { document, stored, target }: Looked,
  name: string,
): MessageInitShape<typeof ExplainedGroupSchema> {
  if (target === null) {
    return { grants: false, ruleText: "" };
  }
  const { program, instance } = target;
  const rule = ruleFor(document, name, program);
  if (rule === null) {
    return { grants: false, ruleText: `does not name ${program}` };
  }
  const written = writtenAccess(stored, name, rule.program);
  const grants = contains(rule.instances, instance);
  return {
    grants,
    ruleProgram: rule.program,
    ruleAccess: fromJson(ValueSchema, written),
    ruleText: `${grants ? "grants" : `does not grant ${program} ${instance}:`} ${rule.program}: ${JSON.stringify(written)}`,
  };
}

/** Stored documents name programs by their canonical name. */
function writtenAccess({ permissions }: PermissionDocument, group: string, program: string) {
  const own = permissions[group] ?? {};
  return (Object.hasOwn(own, program) ? own[program] : null) as JsonValue;
}

function judgedAs(
  host: DirectHost,
  { program, instance, port }: Target,
  alias: string | null,
): MessageInitShape<typeof JudgedTargetSchema> {
  return {
    program,
    instance,
    ...(port === NO_PORT ? {} : { port }),
    askedProgram: host.program,
    askedInstance: host.instance,
    ...(alias === null ? {} : { alias }),
  };
}

function validUntil(untilMs: number): { validUntil?: string } {
  return untilMs > dateMsMax ? {} : { validUntil: new Date(untilMs).toISOString() };
}
