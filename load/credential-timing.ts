/**
 * Whether time tells which wrong credential is nearer to a right one: `bun load/credential-timing.ts`, some ten seconds. The two
 * of each line are asked in turn, in blocks, so that a busy machine slows both; printed is the median of their ratio, and
 * between which values nine of ten ratios lie. A ratio far from 1 in the median would tell; the spread is the machine's noise.
 */
import type { JsonValue } from "@bufbuild/protobuf";
import { identify, type PresentedCredentials } from "../src/policy/identify.ts";
import { basic } from "../test/harness/credentials.ts";
import { policyOf } from "../test/harness/policy.ts";

const pairs = 401;
const callsABlock = 400;
const value = "a token of forty characters, like so ok!";

const policyWith = (group: JsonValue) => policyOf({ groups: { g: group } });

const inHeader = (text: string): PresentedCredentials => ({
  header: () => text,
  cookie: () => null,
  param: () => null,
});

const token = policyWith({ type: "token", header: "X-Key", value });
const password = policyWith({ type: "password", username: "ada", password: "pass", salt: "salt" });

/** The tail makes each text new: nothing is answered from what is remembered. */
const tail = (call: number) => call.toString(36).padStart(4, "0");
const wrongAtTheEnd = (call: number) => value.slice(0, -4) + tail(call);
const wrongAtOnce = (call: number) => tail(call) + value.slice(4);

const lines: [string, typeof token, (call: number) => string, (call: number) => string][] = [
  ["token: wrong at the end / at once", token, wrongAtTheEnd, wrongAtOnce],
  ["token: wrong at the end / of another length", token, wrongAtTheEnd, (n) => value + tail(n)],
  [
    "password: known user / unknown user",
    password,
    (n) => basic(`ada:${tail(n)}`),
    (n) => basic(`eve:${tail(n)}`),
  ],
  [
    "password: right beginning / wrong beginning",
    password,
    (n) => basic(`ada:pass${tail(n)}`),
    (n) => basic(`ada:sapp${tail(n)}`),
  ],
];

let calls = 0;
let matched = 0;

function timeOf(policy: typeof token, text: (call: number) => string): number {
  const presented = Array.from({ length: callsABlock }, () => inHeader(text(calls++ % 36 ** 4)));
  const start = performance.now();
  for (const each of presented) {
    const identity = identify(policy, each, null, 0);
    if (!(identity instanceof Promise)) matched += identity.consumedCredentials.length;
  }
  return performance.now() - start;
}

for (const [name, policy, one, other] of lines) {
  timeOf(policy, one);
  timeOf(policy, other);
  const ratios = Array.from({ length: pairs }, (_, pair) => {
    // Whoever is first warms the caches for the other.
    if (pair % 2 === 0) return timeOf(policy, one) / timeOf(policy, other);
    const second = timeOf(policy, other);
    return timeOf(policy, one) / second;
  }).sort((a, b) => a - b);
  const at = (part: number) => (ratios[Math.floor(part * (pairs - 1))] ?? 0).toFixed(3);
  console.log(`${name.padEnd(48)} median ${at(0.5)}   ${at(0.05)} to ${at(0.95)}`);
}
if (matched !== 0) throw new Error("a wrong credential matched");
