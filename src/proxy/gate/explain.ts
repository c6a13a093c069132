// An imagined request, judged by the proxy's own functions over what is stored of one container, and told group by group.

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
import {
  ChangesSchema,
  type ContainerState,
  type ProjectState,
} from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import type { PermissionDocument } from "../../../proto/gen/realmgate/v1/permissions_pb.ts";
import { parseAddress, parseIpv4 } from "../../policy/address.ts";
import { has } from "../../policy/bitset.ts";
import { type CompiledPolicy, compile } from "../../policy/compile.ts";
import { containersDomain } from "../../policy/containers-domain.ts";
import { decide, grantingGroups } from "../../policy/decide.ts";
import { type PolicyDocument, parseDocument } from "../../policy/document.ts";
import { dateMsMax, GroupExaminer } from "../../policy/explain-group.ts";
import { type Identity, identify } from "../../policy/identify.ts";
import { grantsInstance, ruleFor } from "../../policy/open-access.ts";
import { DECISION_REASONS } from "../../policy/reason.ts";
import { aliasedTarget } from "../routing/alias.ts";
import { type DirectHost, type HostName, hostParser } from "../routing/host.ts";
import { NO_PORT, ProgramPorts, type Target } from "../routing/program-ports.ts";
import { Snapshot, type SnapshotOptions } from "../snapshot/snapshot.ts";
import { judge, type Verdict } from "./authorize.ts";
import { UNKNOWN_ADDRESS } from "./client-address.ts";
import { RequestCredentials } from "./credentials.ts";
import { type Absence, summaryOf } from "./explain-summary.ts";
import { statusOf } from "./refusal.ts";

/** What of the installation decides; the same as the proxy itself is started with. */
export interface ExplainOptions extends Pick<SnapshotOptions, "programPorts" | "mayDial"> {
  readonly domain: string;
  /** Whether an address and port are one of our own listeners: those are never dialled. */
  readonly isForbidden: (address: string, port: number) => boolean;
}

/** A container and its project as the proxy of the container's server would know them. */
export interface ExplainedState {
  readonly container: ContainerState;
  readonly project: ProjectState;
}

/** The verdict, or what is wrong with the question. `nowMs`: Unix milliseconds, where the question names no time. */
export type Explain = (
  state: ExplainedState,
  request: ExplainRequest,
  nowMs: number,
) => Promise<Explanation | readonly Violation[]>;

export function explainer(options: ExplainOptions): Explain {
  return async (state, request, nowMs) => {
    const asked = readRequest(options, state, request, nowMs);
    return Array.isArray(asked) ? asked : explain(options, state, asked as Asked);
  };
}

/** The question, read. */
interface Asked {
  readonly host: HostName;
  readonly presented: RequestCredentials;
  readonly address: string | null;
  readonly target: string;
  readonly nowMs: number;
}

/** What all header lines of a request may have together, in characters. */
const headerCharsMax = 32_768;

function readRequest(
  { domain }: ExplainOptions,
  { container }: ExplainedState,
  request: ExplainRequest,
  nowMs: number,
): Asked | readonly Violation[] {
  const violations: Violation[] = [];
  const report = (instancePath: string, message: string) => {
    violations.push({ instancePath, message });
  };
  const { headers, ip, time, pathAndQuery = "/" } = request;
  const parent = containersDomain(container.serverName, domain);
  const [field, text] = hostText(request, container, parent, report);
  const host = hostParser(container.serverName, domain)(text);
  if (host.kind === "direct" && host.container !== container.id) {
    report(field, "names another container");
  }
  if (ip !== undefined && parseAddress(ip) === null) {
    report("/ip", "must be an IPv4 or IPv6 address");
  }
  const atMs = time === undefined ? nowMs : Date.parse(time);
  if (Number.isNaN(atMs)) {
    report("/time", "is no point in time");
  }
  const chars = headers.reduce((sum, { name, value }) => sum + name.length + value.length, 0);
  if (chars > headerCharsMax) {
    report("/headers", `may have at most ${headerCharsMax} characters together`);
  }
  const lines = new Headers();
  for (const [index, { name, value }] of headers.entries()) {
    if (name.toLowerCase() === "host") {
      report(`/headers/${index}/name`, "must not be Host: say it in host");
    } else {
      lines.append(name, value);
    }
  }
  if (violations.length > 0) {
    return violations;
  }
  const imagined = new Request(`http://${parent}${pathAndQuery}`, { headers: lines });
  return {
    host,
    presented: new RequestCredentials(imagined),
    address: ip ?? null,
    target: pathAndQuery,
    nowMs: atMs,
  };
}

/** The Host header, and the field that says it. */
function hostText(
  { program, instance, host, alias }: ExplainRequest,
  { projectId, id }: ContainerState,
  parent: string,
  report: (instancePath: string, message: string) => void,
): [field: string, text: string] {
  if ([program, host, alias].filter((each) => each !== undefined).length !== 1) {
    report("", "must have exactly one of program, host and alias");
  }
  if (instance !== undefined && program === undefined) {
    report("/instance", "goes with program only");
  }
  if (program !== undefined) {
    const service = instance === undefined ? program : `${program}-${instance}`;
    return ["/program", `${projectId}-${id}-${service}.${parent}`];
  }
  return alias === undefined ? ["/host", host ?? ""] : ["/alias", `${alias}.${parent}`];
}

/** What was made of the question. */
interface Judged {
  readonly verdict: Verdict | { readonly allow: false; readonly reason: HostRefusal };
  readonly host: DirectHost | null;
  readonly alias: string | null;
}

type HostRefusal = Extract<HostName, { kind: "refused" }>["reason"];

async function explain(
  options: ExplainOptions,
  { container, project }: ExplainedState,
  asked: Asked,
): Promise<Explanation> {
  const snapshot = snapshotOf(options, { container, project });
  const { verdict, host, alias } = await judged(options, snapshot, asked);
  const ports = new ProgramPorts(container.programs, options.programPorts);
  const target = host === null ? null : ports.target(host.program, host.instance);
  const stored = container.document ?? project.document;
  const parsed = stored === undefined ? null : parseDocument(stored);
  const document = parsed?.ok ? parsed.document : null;
  const denial = "denial" in verdict ? verdict.denial : undefined;
  const policy = document === null ? null : compile(document);
  const identity =
    policy === null
      ? null
      : await identify(policy, asked.presented, parseIpv4(asked.address ?? ""), asked.nowMs / 1000);
  const groups =
    document === null || stored === undefined || identity === null
      ? []
      : await explainGroups({ document, stored, identity, target, asked });
  const reason = reasonOf(verdict);
  const granting =
    policy === null || identity === null || target === null
      ? []
      : grantingGroups(policy, identity, target.program, target.instance);
  const groupsAsked = asksGroups(reason) && policy !== null;
  if (groupsAsked) {
    assertAgreement(reason, policy, identity, target);
  }
  const told = {
    allow: verdict.allow,
    ...(verdict.allow ? {} : { status: statusOf(verdict.reason, denial) }),
    reason,
    groups,
    grantingGroups: groupsAsked ? [...granting] : [],
    documentOrigin: container.document ? "container" : stored === undefined ? "none" : "project",
    default: document?.default ?? (stored === undefined ? "allow" : "deny"),
    combine: document?.combine ?? "any",
    enableProxy: !container.disabled,
    projectEnableProxy: !project.disabled,
    removedCredentials: verdict.allow
      ? verdict.spent.map(({ kind, name }) => `${kind}:${name}`)
      : [],
    ...(denial?.challenge ? { challenge: denial.challenge } : {}),
    time: new Date(asked.nowMs).toISOString(),
    ...(verdict.allow ? validUntil(verdict.untilMs) : {}),
    groupsAsked,
    ...(host === null || target === null ? {} : { judgedAs: judgedAs(host, target, alias) }),
  } satisfies MessageInitShape<typeof ExplanationSchema>;
  return create(ExplanationSchema, {
    ...told,
    summary: summaryOf(
      create(ExplanationSchema, told),
      reason === "no_container" ? absenceOf({ container, project }, asked.host) : null,
    ),
  });
}

/** In the order of `Snapshot.route`; it speaks of this container only, so that no other one shows. */
function absenceOf({ container, project }: ExplainedState, host: HostName): Absence {
  if (host.kind === "refused") return "other_server";
  if (host.kind === "direct" && host.project !== project.id) return "other_project";
  if (!container.running) return "not_running";
  if (container.address === undefined) return "no_address";
  return "undialled_address";
}

/** A snapshot in which there is this one container, as on its own server. */
function snapshotOf(
  { programPorts, mayDial }: ExplainOptions,
  { container, project }: ExplainedState,
): Snapshot {
  const { serverName } = container;
  const changes = create(ChangesSchema, { projects: [project], containers: [container] });
  return Snapshot.empty({ serverName, programPorts, mayDial, log: SILENT }).apply(changes);
}

/** What is wrong with what is stored is the verdict; nobody has to be told by the log. */
const SILENT = { error: () => {}, warn: () => {}, info: () => {} };

/** The rows before forwarding, in the order of the proxy: see server.ts, handle. */
async function judged(
  { isForbidden }: ExplainOptions,
  snapshot: Snapshot,
  { host, presented, address, target, nowMs }: Asked,
): Promise<Judged> {
  if (host.kind === "refused") {
    return { verdict: { allow: false, reason: host.reason }, host: null, alias: null };
  }
  const client = address ?? UNKNOWN_ADDRESS;
  const verdict = await judge(snapshot, { host, presented, client }, nowMs);
  const alias = host.kind === "alias" && verdict.host !== null ? host.name : null;
  const way = { host: verdict.host, alias };
  if (!verdict.allow) {
    return { verdict, ...way };
  }
  const { route } = verdict;
  if (verdict.alias !== null && aliasedTarget(verdict.alias, target) === null) {
    return { verdict: { allow: false, reason: "unknown_host" }, ...way };
  }
  if (isForbidden(route.address.text, route.port)) {
    return {
      verdict: { ...verdict, allow: false, reason: "no_upstream", denial: undefined },
      ...way,
    };
  }
  return { verdict, ...way };
}

function reasonOf(verdict: Judged["verdict"]): string {
  if (!verdict.allow) {
    return verdict.reason;
  }
  if (verdict.groups !== null) {
    return "granted";
  }
  return verdict.route.policy === null ? "open" : "default_allow";
}

/** Whether a verdict comes from the groups: what has no port is only found so when they let it pass. */
function asksGroups(reason: string): boolean {
  return reason === "no_upstream" || (DECISION_REASONS as readonly string[]).includes(reason);
}

/** Throws when the verdict is not the one of the groups that are told: then nothing must be told. */
function assertAgreement(
  reason: string,
  policy: CompiledPolicy,
  identity: Identity | null,
  target: Target | null,
): void {
  if (identity === null || target === null) {
    throw new Error(`the verdict is ${reason}, and no group was asked`);
  }
  const decision = decide(policy, identity, target.program, target.instance);
  if (reason === "no_upstream" ? !decision.allow : decision.reason !== reason) {
    throw new Error(`the verdict is ${reason}, and its explanation ${decision.reason}`);
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

/** Throws when a group's explanation is not what `identify` found: it must never tell another story than the gate. */
async function explainGroups(looked: Looked): Promise<ExplainedGroup[]> {
  const { document, identity, asked } = looked;
  const { address, nowMs, presented } = asked;
  const examiner = new GroupExaminer({
    look: (location) => presented.found(location),
    address,
    nowS: nowMs / 1000,
  });
  const groups: ExplainedGroup[] = [];
  for (const [index, [name, group]] of [...document.groups].entries()) {
    const { matched, why, text } = await examiner.explain(group);
    if (matched !== has(identity.groups, index)) {
      throw new Error(`group ${name}: explained as ${why}, identified otherwise`);
    }
    const { type } = group;
    const told = { name, type, matched, why, whyText: text, ...explainRule(looked, name) };
    groups.push(create(ExplainedGroupSchema, told));
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
  const grants = grantsInstance(rule.access, instance);
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
