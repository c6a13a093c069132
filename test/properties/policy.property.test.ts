import { describe, expect, test } from "bun:test";
import { fromJson, type JsonValue, toJson } from "@bufbuild/protobuf";
import {
  type PermissionDocument,
  PermissionDocumentSchema,
} from "../../proto/gen/realmgate/v1/permissions_pb.ts";
import { members } from "../../src/policy/bitset.ts";
import { type CompiledPolicy, compile } from "../../src/policy/compile.ts";
import { couldBeGranted, decide, grantingGroups } from "../../src/policy/decide.ts";
import { parseDocument } from "../../src/policy/document.ts";
import { identify, type PresentedCredentials } from "../../src/policy/identify.ts";
import { parseAddressKey } from "../../src/policy/ip-range.ts";
import { DECISION_REASONS } from "../../src/policy/reason.ts";
import { randomDocument } from "../arbitrary/document.ts";
import { randomFrom } from "../arbitrary/random.ts";
import { randomRequest } from "../arbitrary/request.ts";
import {
  type DocumentJson,
  type GroupJson,
  type ReferenceDecision,
  type RequestFacts,
  referenceCouldGrant,
  referenceDecision,
} from "../reference/decision.ts";

const documents = 2500;
const requestsPerDocument = 12;
const seed = Number(process.env.REALMGATE_TEST_SEED ?? Date.now() % 2 ** 31);

function parsed(message: PermissionDocument) {
  const result = parseDocument(message);
  if (!result.ok) {
    throw new Error(JSON.stringify(result.violations));
  }
  return result;
}

/** The edge's part: one value or null. */
function presentedBy(request: RequestFacts): PresentedCredentials {
  const only = (values: [string, string][]) =>
    values.length === 1 ? values[0]?.[1] || null : null;
  return {
    header: (name) => only(request.headers.filter(([own]) => own.toLowerCase() === name)),
    cookie: (name) => only(request.cookies.filter(([own]) => own === name)),
    param: (name) => only(request.params.filter(([own]) => own === name)),
  };
}

function isThere(place: string, { headers, cookies }: RequestFacts): boolean {
  return (
    headers.some(([name]) => place === `header:${name.toLowerCase()}`) ||
    cookies.some(([name]) => place === `cookie:${name}`)
  );
}

async function compiledDecision(
  policy: CompiledPolicy,
  request: RequestFacts,
): Promise<ReferenceDecision & { couldGrant: boolean }> {
  const address = request.address === null ? null : parseAddressKey(request.address);
  const identity = await identify(policy, presentedBy(request), address, request.nowS);
  const decision = decide(policy, identity, request.program, request.instance);
  return {
    allow: decision.allow,
    reason: decision.reason,
    status: decision.allow ? 200 : decision.status,
    challenge: decision.allow ? null : decision.challenge,
    matching: members(identity.groups).map((group) => policy.groupNames[group] ?? ""),
    granting: [...grantingGroups(policy, decision)],
    presented: identity.presented,
    spent: identity.consumedCredentials.map(({ kind, name }) => `${kind}:${name}`).sort(),
    unverified: identity.unverifiedSources
      .map(({ kind, name }) => `${kind}:${name}`)
      .filter((place) => isThere(place, request))
      .sort(),
    validUntilS: identity.validUntilS,
    couldGrant:
      decision.allow || couldBeGranted(policy, identity, request.program, request.instance),
  };
}

/** What must occur often enough for agreement to mean something. */
function notesOn(document: DocumentJson, decision: ReferenceDecision): string[] {
  const { reason, status, matching, granting, presented, spent, validUntilS } = decision;
  const types = new Set(matching.map((name) => document.groups[name]?.type));
  return [
    `${reason} ${status}`,
    ...Array.from(types, (type) => `${type} matches`),
    ...matching.flatMap((name) => claimNotes(document.groups[name])),
    ...(matching.some((name) => isIpv6Range(document.groups[name])) ? ["IPv6 matches"] : []),
    ...(granting.length > 1 ? ["several grant"] : []),
    ...(types.size > 1 ? ["several types match"] : []),
    ...(document.combine === "all" && granting.length > 1 ? ["several grant, combine all"] : []),
    ...(presented && matching.length === 0 ? ["wrong credential"] : []),
    ...(spent.length > 1 ? ["several spent"] : []),
    ...(decision.reason === "granted" && decision.unverified.length > 0 ? ["not verified"] : []),
    ...(Number.isFinite(validUntilS) ? ["expires"] : []),
  ];
}

function claimNotes(group: DocumentJson["groups"][string] | undefined): string[] {
  const claims = group?.type === "jwt" ? Object.entries(group.claims ?? {}) : [];
  return claims.flatMap(([name, rule]) => {
    if (typeof rule === "number") return ["a number is equal"];
    if (typeof rule !== "object") return [];
    return [name.includes(".") ? "a nested claim has it" : "a claim has it"];
  });
}

function isIpv6Range(group: GroupJson | undefined): boolean {
  return group?.type === "ip" && group.range.includes(":");
}

/** How often each note must occur at least, in 30,000 decisions. */
const leastOccurrences: Readonly<Record<string, number>> = {
  "granted 200": 1000,
  "not_granted 401": 100,
  "not_granted 403": 1000,
  "default_allow 200": 1000,
  "unauthenticated 401": 1000,
  "denied 403": 1000,
  "ip matches": 1000,
  "IPv6 matches": 300,
  "jwt matches": 1000,
  "password matches": 500,
  "token matches": 1000,
  "a number is equal": 50,
  "a claim has it": 100,
  "a nested claim has it": 25,
  "several grant": 300,
  "several types match": 500,
  "several grant, combine all": 50,
  "wrong credential": 500,
  "several spent": 150,
  "not verified": 100,
  expires: 100,
  "refused, though credentials could help": 1000,
  "refused, for good": 1000,
};

/** The first difference between compiled and reference for one random document, and what occurred. */
async function compareDocument(documentSeed: number, seen: Map<string, number>) {
  const random = randomFrom(documentSeed);
  const document: DocumentJson = randomDocument(random);
  const { document: policyDocument, normal } = parsed(
    fromJson(PermissionDocumentSchema, document as unknown as JsonValue),
  );
  const stored = fromJson(PermissionDocumentSchema, toJson(PermissionDocumentSchema, normal));
  const policies = {
    compiled: compile(policyDocument),
    "compiled from what is stored": compile(parsed(stored).document),
  };
  for (let i = 0; i < requestsPerDocument; i++) {
    const request = randomRequest(random, document);
    const expected = referenceDecision(document, request);
    const expectedCouldGrant = referenceCouldGrant(document, request, expected);
    if (!expected.allow) {
      const note = `refused, ${expectedCouldGrant ? "though credentials could help" : "for good"}`;
      seen.set(note, (seen.get(note) ?? 0) + 1);
    }
    for (const note of notesOn(document, expected)) {
      seen.set(note, (seen.get(note) ?? 0) + 1);
    }
    for (const [name, policy] of Object.entries(policies)) {
      for (const sight of ["first sight", "seen before"]) {
        const { couldGrant, ...actual } = await compiledDecision(policy, request);
        if (couldGrant !== expectedCouldGrant) {
          const [got, wanted] = [{ couldGrant }, { couldGrant: expectedCouldGrant }];
          return { name, sight, document, request, actual: got, expected: wanted };
        }
        if (!Bun.deepEquals(actual, expected)) {
          return { name, sight, document, request, actual, expected };
        }
      }
    }
  }
  return undefined;
}

describe("the compiled policy agrees with the reference", () => {
  test("on 30,000 random decisions, in which all that matters occurs", async () => {
    const seen = new Map<string, number>();
    for (let i = 0; i < documents; i++) {
      const difference = await compareDocument(seed + i, seen);
      if (difference !== undefined) {
        const { actual, expected, ...where } = difference;
        console.error(`REALMGATE_TEST_SEED=${seed + i}`, JSON.stringify(where, null, 1));
        expect(actual).toEqual(expected);
      }
    }
    const rare = Object.entries(leastOccurrences).filter(
      ([note, least]) => (seen.get(note) ?? 0) < least,
    );
    expect({ seed, rare, seen: rare.length > 0 ? Object.fromEntries(seen) : {} }).toEqual({
      seed,
      rare: [],
      seen: {},
    });
  }, 60_000);

  test("every reason is asked for", () => {
    const asked = new Set(Object.keys(leastOccurrences).map((note) => note.split(" ")[0] ?? ""));
    expect(DECISION_REASONS.filter((reason) => !asked.has(reason))).toEqual([]);
  });
});
