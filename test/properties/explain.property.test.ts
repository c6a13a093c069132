// Explain and the gate never disagree: random documents, containers and requests, told and judged, and looked up in the model.
import { expect, test } from "bun:test";
import { create, type JsonObject, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type ExplainRequest,
  ExplainRequestSchema,
} from "../../proto/gen/realmgate/v1/explain_pb.ts";
import {
  ChangesSchema,
  ContainerStateSchema,
  ProjectStateSchema,
} from "../../proto/gen/realmgate/v1/feed_pb.ts";
import { GROUP_WHYS } from "../../src/policy/explain-group.ts";
import { authorize } from "../../src/proxy/gate/authorize.ts";
import { UNKNOWN_ADDRESS } from "../../src/proxy/gate/client-address.ts";
import { RequestCredentials, targetWithout } from "../../src/proxy/gate/credentials.ts";
import { explainer } from "../../src/proxy/gate/explain.ts";
import type { ExplainedState } from "../../src/proxy/gate/explain-document.ts";
import { REFUSAL_REASONS, statusOf } from "../../src/proxy/gate/refusal.ts";
import { aliasedTarget } from "../../src/proxy/routing/alias.ts";
import { hostParser } from "../../src/proxy/routing/host.ts";
import { Snapshot } from "../../src/proxy/snapshot/snapshot.ts";
import { randomDocument } from "../arbitrary/document.ts";
import { type Random, randomFrom } from "../arbitrary/random.ts";
import { randomRequest, spelled, trimmed } from "../arbitrary/request.ts";
import { documentContent } from "../harness/feed-changes.ts";
import { type DocumentJson, type RequestFacts, referenceDecision } from "../reference/decision.ts";

const containers = 900;
const requestsPerContainer = 8;
const seed = Number(process.env.REALMGATE_TEST_SEED ?? Date.now() % 2 ** 31);

const domain = "example.test";
const parent = `local.containers.${domain}`;
const options = {
  domain,
  serverName: "local",
  programPorts: { display: 4 },
  mayDial: (address: string) => address.startsWith("10."),
  isForbidden: (_address: string, port: number) => port === 8,
  log: { error: () => {}, warn: () => {}, info: () => {} },
};
const explain = explainer({ ...options, nodeOf: () => options });
const parseHost = hostParser("local", domain);

/** A container in a project of its own, with the document that is in force. */
interface Place {
  readonly state: ExplainedState;
  readonly document: DocumentJson | null;
}

function contentOf(document: DocumentJson) {
  return documentContent(document as unknown as JsonObject);
}

function named(document: DocumentJson | null) {
  return document === null ? {} : { documentDigest: contentOf(document).digest };
}

function randomPlace(random: Random, n: number): Place {
  const projectId = `a${n.toString(16).padStart(23, "0")}`;
  const own = random.chance(0.5) ? randomDocument(random) : null;
  const ofProject = random.chance(0.7) ? randomDocument(random) : null;
  const stride = random.pick([0, 1, 2]);
  const expiresAtMs = random.pick([undefined, 1_700_000_000_000, 1_900_000_000_000]);
  const container = create(ContainerStateSchema, {
    id: `c${n.toString(16).padStart(23, "0")}`,
    projectId,
    serverName: "local",
    running: random.chance(0.95),
    address: random.pick(["10.0.0.1", "10.0.0.1", "10.0.0.1", "192.0.2.1"]),
    programs: { terminal: { port: 3, stride }, files: { port: 5, stride: 0 }, sqlite: { port: 6 } },
    disabled: random.chance(0.05),
    aliases: [
      {
        alias: `short-${n}`,
        program: random.pick(["terminal", "http"]),
        instance: random.between(1, 6),
        allowPathOverride: random.chance(0.5),
        enabled: random.chance(0.8),
        targetPath: "/app",
        ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
      },
    ],
    ...named(own),
  });
  const project = create(ProjectStateSchema, {
    id: projectId,
    disabled: random.chance(0.05),
    ...named(ofProject),
  });
  const documents = [own, ofProject].filter((each) => each !== null).map(contentOf);
  return { state: { container, project, documents }, document: own ?? ofProject };
}

/** How the request names the container: each form now and then, some that lead nowhere. */
function randomWay(
  random: Random,
  { state }: Place,
  { program, instance }: RequestFacts,
): Pick<MessageInitShape<typeof ExplainRequestSchema>, "program" | "instance" | "host" | "alias"> {
  const { id, projectId, aliases } = state.container;
  const alias = aliases[0]?.alias ?? "";
  const label = `${projectId}-${id}-${program}-${instance}`;
  return random.pick([
    { program, instance },
    { program, instance },
    { host: `${label}.${parent}` },
    { host: `${label}.${parent}:8080` },
    { alias },
    { host: `${alias}.${parent}` },
    random.pick([
      { program },
      { alias: "nobodys" },
      { host: `${label}..${parent}` },
      { host: `${label}.elsewhere.containers.${domain}` },
      { host: `${"0".repeat(24)}-${id}-${program}-${instance}.${parent}` },
      { program: "nosuch", instance },
    ]),
  ]);
}

function hostOf(request: ExplainRequest, { state }: Place): string {
  const { program, instance, host, alias } = request;
  if (host !== undefined) return host;
  if (alias !== undefined) return `${alias}.${parent}`;
  const { id, projectId } = state.container;
  const service = instance === undefined ? program : `${program}-${instance}`;
  return `${projectId}-${id}-${service}.${parent}`;
}

/** What the gate does, in the words of an explanation. */
async function gate(snapshot: Snapshot, text: string, facts: RequestFacts, path: string) {
  const host = parseHost(text);
  if (host.kind === "refused") {
    return { allow: false, reason: host.reason as string, status: statusOf(host.reason) };
  }
  const { lines, target } = spelled(facts, path);
  const headers = new Headers();
  for (const { name, value } of lines) headers.append(name, value);
  const presented = new RequestCredentials(headers, target);
  const client = facts.address ?? UNKNOWN_ADDRESS;
  const verdict = await authorize(
    snapshot,
    { host, presented, client, isPreflight: false },
    facts.nowS * 1000,
  );
  if (!verdict.allow) {
    const { reason, denial } = verdict;
    return { allow: false, reason: reason as string, status: statusOf(reason, denial) };
  }
  const { alias, route, groups, consumedCredentials, unverifiedSources } = verdict;
  const left = targetWithout(target, consumedCredentials);
  if (alias !== null && aliasedTarget(alias, target, left) === null) {
    return { allow: false, reason: "unknown_host", status: 404 };
  }
  if (route.port === 8) return { allow: false, reason: "no_upstream", status: 503 };
  return {
    allow: true,
    reason: groups !== null ? "granted" : route.policy === null ? "open" : "default_allow",
    status: undefined,
    groups,
    spent: [
      ...consumedCredentials,
      ...unverifiedSources.filter((place) => presented.found(place) !== "absent"),
    ].map(({ kind, name }) => `${kind}:${name}`),
    until: verdict.untilMs,
  };
}

test(`explain says what the gate does, and what the model says of each group (seed ${seed})`, async () => {
  const random = randomFrom(seed);
  const places = Array.from({ length: containers }, (_, n) => randomPlace(random, n));
  const changes = create(ChangesSchema, {
    projects: places.map(({ state }) => state.project),
    containers: places.map(({ state }) => state.container),
    documents: places.flatMap(({ state }) => state.documents),
  });
  const snapshot = Snapshot.empty(options).apply(changes);
  const seen = new Map<string, number>();
  const note = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1);
  for (const place of places) {
    for (let i = 0; i < requestsPerContainer; i++) {
      const document = place.document ?? { groups: {}, permissions: {} };
      const facts = trimmed(randomRequest(random, document));
      const path = random.pick(["/", "/", "/app", "/other"]);
      const { lines, target } = spelled(facts, path);
      const request = create(ExplainRequestSchema, {
        id: place.state.container.id,
        ...randomWay(random, place, facts),
        ...(facts.address === null ? {} : { ip: facts.address }),
        headers: lines,
        pathAndQuery: target,
      });
      const told = await explain(place.state, request, facts.nowS * 1000);
      if ("length" in told) throw new Error(`seed ${seed}: ${JSON.stringify(told)}`);
      const { allow, reason, status, groups, grantingGroups, removedCredentials, judgedAs } = told;
      const real = await gate(snapshot, hostOf(request, place), facts, path);
      const where = { seed, container: place.state.container.id, i };
      expect({ ...where, allow, reason, status }).toEqual({
        ...where,
        allow: real.allow,
        reason: real.reason,
        status: real.status,
      });
      if (real.allow) {
        expect({ ...where, grantingGroups }).toEqual({
          ...where,
          grantingGroups: [...(real.groups ?? [])],
        });
        expect({ ...where, removedCredentials }).toEqual({
          ...where,
          removedCredentials: real.spent ?? [],
        });
        const until = real.until ?? Number.POSITIVE_INFINITY;
        const validUntil = until > 8.64e15 ? undefined : new Date(until).toISOString();
        expect({ ...where, validUntil: told.validUntil }).toEqual({ ...where, validUntil });
      }
      note(reason);
      for (const { why } of groups) note(why);
      if (judgedAs === undefined || place.document === null) continue;
      const { program, instance } = judgedAs;
      const model = referenceDecision(place.document, { ...facts, program, instance });
      const matching = groups.filter(({ matched }) => matched).map(({ name }) => name);
      expect({ ...where, matching }).toEqual({ ...where, matching: model.matching });
      const granting = groups.filter(({ matched, grants }) => matched && grants);
      if (told.groupsAsked) {
        const decided = reason === "no_upstream" ? `allow: ${model.allow}` : model.reason;
        const said = reason === "no_upstream" ? "allow: true" : reason;
        expect({ ...where, said }).toEqual({ ...where, said: decided });
        const unverified = model.reason === "granted" ? model.unverified : [];
        if (allow) {
          expect([...removedCredentials].sort()).toEqual([...model.spent, ...unverified].sort());
        }
        if (model.reason === "granted") {
          expect({ ...where, names: granting.map(({ name }) => name) }).toEqual({
            ...where,
            names: model.granting,
          });
          expect({ ...where, grantingGroups }).toEqual({
            ...where,
            grantingGroups: model.granting,
          });
        }
      }
    }
  }
  const expected = [
    "open",
    "granted",
    "default_allow",
    ...REFUSAL_REASONS.filter((reason) => !notImagined.has(reason) && !reason.startsWith("curl_")),
    ...GROUP_WHYS,
  ];
  const never = expected.filter((what) => !seen.has(what));
  expect({ seed, never }).toEqual({ seed, never: [] });
}, 120_000);

/** What comes from the network, from bytes that explain does not imagine (so does all that a call of `curl` may be), or from a document that was stored by a newer version. */
const notImagined: ReadonlySet<string> = new Set([
  "bad_request",
  "method_not_allowed",
  "policy_error",
  "stale",
  "misdirected",
  "https_required",
  "overloaded",
  "cut_off",
  "too_many_failures",
  "bad_upgrade",
  "websocket_version",
  "upgrade_required",
  "upstream_unreachable",
  "upstream_timeout",
  "answer_too_large",
  "hook_failed",
  "hook_timeout",
  "internal_error",
]);
