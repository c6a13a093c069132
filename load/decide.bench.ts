/**
 * What one decision costs inside the policy core: `bun load/decide.bench.ts`, about ten seconds. Each line is the best
 * of several rounds, in ns a call, in one warm process on one core. "ip", "token" and "password" are identify + decide;
 * "decide" is decide alone with the identity at hand; "request" is all that a request pays: identify, decide and, when it
 * is granted, the names of the granting groups. `bun load/decide.bench.ts request` runs the lines that contain it. The
 * credential texts are made outside the clock, and the
 * values vary from call to call, so that nothing is folded into a constant. Parsing the address, the host name, cookies
 * and so on is the edge's part and not in it. A decision should stay under 500 ns however large its document is.
 */
import type { JsonValue } from "@bufbuild/protobuf";
import { compactVerify } from "jose";
import { parseIpv4 } from "../src/policy/address.ts";
import type { CompiledPolicy } from "../src/policy/compile.ts";
import { decide, grantingGroups } from "../src/policy/decide.ts";
import { type Identity, identify, type PresentedCredentials } from "../src/policy/identify.ts";
import { verifiedTokensMax } from "../src/policy/token-verifier.ts";
import { basic, hs256, saltedDigest } from "../test/harness/credentials.ts";
import { policyOf } from "../test/harness/policy.ts";

const roundMs = 90;
const rounds = 5;
const nowS = 1_800_000_000;
const secret = "a shared secret of thirty-two b.";

/** Groups of which each may reach a port of its own, a range of ports, and terminals. */
function policyWith(count: number, group: (index: number) => JsonValue): CompiledPolicy {
  const names = Array.from({ length: count }, (_, index) => `g${index}`);
  return policyOf({
    groups: Object.fromEntries(names.map((name, index) => [name, group(index)])),
    permissions: Object.fromEntries(
      names.map((name, index) => [
        name,
        { http: `${1000 + index}-${9000 + index}`, terminal: true, ssh: 22, display: [1, 3] },
      ]),
    ),
  });
}

const networkOf = (index: number) => `10.${index >> 4}.${(index & 15) << 4}.0/${20 + (index % 5)}`;

/** Values in turn: a power of two of them, so that choosing costs next to nothing. */
function inTurn<T>(make: (index: number) => T): (call: number) => T {
  const values = Array.from({ length: 1024 }, (_, index) => make(index));
  return (call) => values[call & 1023] as T;
}

function report(name: string, ns: number): void {
  console.log(`${name.padEnd(44)} ${ns.toFixed(0).padStart(8)} ns`);
}

/** Something must be done with the answers, or they are not computed. */
let allowed = 0;

const wanted = process.argv[2] ?? "";

function measure(name: string, call: (index: number) => boolean): void {
  if (!name.includes(wanted)) {
    return;
  }
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    let calls = 0;
    while (performance.now() - start < roundMs) {
      for (const end = calls + 1000; calls < end; calls++) {
        allowed += call(calls) ? 1 : 0;
      }
    }
    best = Math.min(best, ((performance.now() - start) / calls) * 1e6);
  }
  report(name, best);
}

async function measureAsync(
  name: string,
  calls: number,
  call: (index: number) => Promise<unknown>,
) {
  if (!name.includes(wanted)) {
    return;
  }
  const start = performance.now();
  for (let index = 0; index < calls; index++) {
    await call(index);
  }
  report(name, ((performance.now() - start) / calls) * 1e6);
}

const nothing: PresentedCredentials = {
  header: () => null,
  cookie: () => null,
  param: () => null,
};

function withHeader(wanted: string, value: string): PresentedCredentials {
  return { ...nothing, header: (name) => (name === wanted ? value : null) };
}

function settled(identity: Identity | Promise<Identity>): Identity {
  if (identity instanceof Promise) {
    throw new Error("this measurement expects a plain value");
  }
  return identity;
}

function decided(
  policy: CompiledPolicy,
  presented: PresentedCredentials,
  address: number | null,
  instance: number,
): boolean {
  const identity = settled(identify(policy, presented, address, nowS));
  return decide(policy, identity, "http", instance).allow;
}

/** What a request pays: the names go into a header and the access log. */
function requested(
  policy: CompiledPolicy,
  address: number | null,
  program: string,
  instance: number,
): boolean {
  const identity = settled(identify(policy, nothing, address, nowS));
  const decision = decide(policy, identity, program, instance);
  return decision.allow && grantingGroups(policy, decision).length > 0;
}

const port = (index: number) => 1000 + ((index * 37) & 8191);
const sizes = [1, 10, 100, 1000];

for (const size of sizes) {
  const policy = policyWith(size, (index) => ({ type: "ip", range: networkOf(index) }));
  // Every fourth address is in no network.
  const address = inTurn((index) =>
    parseIpv4(
      `${index % 4 === 0 ? 11 : 10}.${(index % size) >> 4}.${((index % size) & 15) << 4}.${index & 255}`,
    ),
  );
  measure(`ip, ${size} ranges`, (index) => decided(policy, nothing, address(index), port(index)));
}

for (const size of sizes) {
  const policy = policyWith(size, (index) => ({
    type: "token",
    value: `token-value-number-${index}-of-usual-length`,
    header: "X-Key",
  }));
  const presented = inTurn((index) =>
    withHeader("x-key", `token-value-number-${index % (size * 2)}-of-usual-length`),
  );
  measure(`token, ${size} groups`, (index) => decided(policy, presented(index), null, port(index)));
}

for (const size of sizes) {
  const policy = policyWith(size, (index) => ({
    type: "password",
    username: `user-${index}`,
    password: saltedDigest(`salt${index}`, "password"),
    salt: `salt${index}`,
  }));
  const presented = (user: string) =>
    inTurn((index) => {
      return withHeader("authorization", basic(`${user}-${index % size}:password`));
    });
  const known = presented("user");
  measure(`password seen before, ${size} groups`, (index) =>
    decided(policy, known(index), null, port(index)),
  );
  const unknown = presented("nobody");
  measure(`password of an unknown user, ${size} groups`, (index) =>
    decided(policy, unknown(index), null, port(index)),
  );
}

const tokenOf = (subject: number): string =>
  hs256(
    secret,
    { sub: `user-${subject}`, aud: "app", exp: nowS + 3600 },
    { alg: "HS256", typ: "JWT" },
  );

for (const size of sizes) {
  const policy = policyWith(size, (index) => ({
    type: "jwt",
    secret,
    sources: ["header:Authorization"],
    claims: { sub: `user-${index}` },
  }));
  const tokens = inTurn((index) => withHeader("authorization", `Bearer ${tokenOf(index % size)}`));
  for (let index = 0; index < size; index++) {
    await identify(policy, tokens(index), null, nowS);
  }
  measure(`jwt seen before, ${size} groups`, (index) =>
    decided(policy, tokens(index), null, port(index)),
  );
}

const firstSights = 2 * verifiedTokensMax;
const many = Array.from({ length: 2 * firstSights }, (_, index) => tokenOf(index));
const keyBytes = new TextEncoder().encode(secret);
const anyUser = policyWith(1, () => ({ type: "jwt", secret, sources: ["header:Authorization"] }));
await measureAsync("jose compactVerify alone, HS256", firstSights, (index) =>
  compactVerify(many[firstSights + index] ?? "", keyBytes),
);
await measureAsync("jwt first sight, HS256", firstSights, async (index) => {
  const presented = withHeader("authorization", `Bearer ${many[index]}`);
  const identity = await identify(anyUser, presented, null, nowS);
  allowed += decide(anyUser, identity, "http", port(index)).allow ? 1 : 0;
});

/** Groups that differ in their permissions only; each has its own network unless all are to match. */
function limitedPolicy(
  count: number,
  matching: "one" | "all",
  permissions: (group: number) => JsonValue,
  more: { readonly [field: string]: JsonValue } = {},
): CompiledPolicy {
  const names = Array.from({ length: count }, (_, index) => `g${index}`);
  return policyOf({
    ...more,
    groups: Object.fromEntries(
      names.map((name, index) => [
        name,
        {
          type: "ip",
          range: matching === "all" ? "10.0.0.0/8" : `10.${index >> 8}.${index & 255}.0/24`,
        },
      ]),
    ),
    permissions: Object.fromEntries(names.map((name, index) => [name, permissions(index)])),
  });
}

/** `count` runs of one instance each, never two side by side, other ones for each group; all are even. */
function scattered(group: number, count: number): number[] {
  return Array.from({ length: count }, (_, run) => 2 + 2 * ((group * 769 + run * 3251) % 32_000));
}

const oneOf = (count: number) =>
  inTurn((index) => parseIpv4(`10.${(index % count) >> 8}.${(index % count) & 255}.1`));
const many1000 = 1000;
const cutsEach = 10;

interface Case {
  readonly name: string;
  readonly policy: CompiledPolicy;
  readonly groups: number;
  readonly program?: string;
  readonly instance: (index: number) => number;
}

const odd = (index: number) => 1 + 2 * ((index * 37) & 16_383);
const even = (index: number) => 2 + 2 * ((index * 37) & 16_383);
const small = (index: number) => 1 + (index & 63);
const evenSmall = (index: number) => 2 + 2 * (index & 15);
const oddSmall = (index: number) => 33 + 2 * (index & 15);
const everyInstance = () => ({ http: true });
const overlapping = (group: number) => ({ http: `${1000 + group}-${9000 + group}` });
const manyRuns = (group: number) => ({ http: scattered(group, cutsEach) });
const among64 = (group: number) => ({
  display: [1, 2, 3].map((step) => 2 * (1 + ((group * step) % 16))),
});

const cases: Case[] = [];
for (const matching of ["one", "all"] as const) {
  for (const groups of [1, 32, 100, many1000]) {
    const names = `${matching === "all" ? groups : 1} of ${groups} match`;
    const add = (
      name: string,
      permissions: (group: number) => JsonValue,
      rest: Omit<Case, "name" | "policy" | "groups">,
    ) =>
      cases.push({
        name: `${names}, ${name}`,
        policy: limitedPolicy(groups, matching, permissions),
        groups,
        ...rest,
      });
    add("all instances, granted", everyInstance, { instance: port });
    add("ranges, some grant", overlapping, { instance: port });
    add("ranges, denied", overlapping, { instance: (index) => 20_000 + (index & 8191) });
    add("many cuts, some grant", manyRuns, { instance: even });
    add("many cuts, denied", manyRuns, { instance: odd });
    add("1-64, some grant", among64, { program: "display", instance: small });
    add("1-64, granted more", among64, { program: "display", instance: evenSmall });
    add("1-64, denied", among64, { program: "display", instance: oddSmall });
  }
}
const combined = limitedPolicy(many1000, "all", overlapping, { combine: "all" });
cases.push({
  name: "1000 of 1000 match, combine all",
  policy: combined,
  groups: 1000,
  instance: port,
});
const wide = limitedPolicy(many1000, "one", (group) =>
  Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`p${group}-${index}`, 1 + index])),
);
cases.push({
  name: "1 of 1000 match, 10000 programs",
  policy: wide,
  groups: 1000,
  program: "p7-3",
  instance: (index) => 4 + (index & 1),
});

for (const { name, policy, groups, program = "http", instance } of cases) {
  const address = oneOf(groups);
  measure(`request, ${name}`, (index) =>
    requested(policy, address(index), program, instance(index)),
  );
}

for (const size of sizes) {
  const policy = policyWith(size, (index) => ({ type: "ip", range: networkOf(index) }));
  const identity = inTurn((index) =>
    settled(
      identify(
        policy,
        nothing,
        parseIpv4(`10.${(index % size) >> 4}.${((index % size) & 15) << 4}.1`),
        nowS,
      ),
    ),
  );
  measure(
    `decide, ${size} groups`,
    (index) => decide(policy, identity(index), "http", port(index)).allow,
  );
}

console.log(`(${allowed} allowed)`);
