/**
 * What one decision costs inside the policy core: `bun load/decide.bench.ts`, about ten seconds. Each line is the best
 * of several rounds, in ns a call, in one warm process on one core. "ip", "token" and "password" are identify + decide;
 * "decide" is decide alone with the identity at hand. The credential texts are made outside the clock, and the
 * values vary from call to call, so that nothing is folded into a constant. Parsing the address, the host name, cookies
 * and so on is the edge's part and not in it. A decision should stay under 500 ns however large its document is.
 */
import type { JsonValue } from "@bufbuild/protobuf";
import { compactVerify } from "jose";
import { parseIpv4 } from "../src/policy/address.ts";
import type { CompiledPolicy } from "../src/policy/compile.ts";
import { decide } from "../src/policy/decide.ts";
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

function measure(name: string, call: (index: number) => boolean): void {
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
