// The same bytes for both edges: the program sees the same, and the client gets the same, but for what `accepted.ts` explains.
import { afterAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { startProxy } from "../../src/proxy/proxy.ts";
import { testBench } from "../harness/proxy-bench.ts";
import { startWitness } from "../harness/witness.ts";
import { ACCEPTED } from "./accepted.ts";
import { generated, INPUTS } from "./inputs.ts";
import { type Outcome, outcomeOf } from "./outcome.ts";

const bench = await testBench();
const witness = await startWitness();
const common = { responseHeaderMs: 60_000, credentialFailuresMax: 100_000 };
const serve = await startProxy(bench.options({ ...common, plainEdge: "serve" }), bench.registry);
const wire = await startProxy(bench.options({ ...common, plainEdge: "wire" }), bench.registry);
afterAll(async () => {
  await serve.stop(true);
  await wire.stop(true);
  witness.stop();
});

const token = { type: "token", value: "k3y" } as const;
const programs = { terminal: witness.port };
const terminal = { terminal: true };
const open = (await bench.place({ programs })).host("terminal-1");
const closed = (await bench.place({ programs, own: { default: "deny" } })).host("terminal-1");
const key = (
  await bench.place({
    programs,
    own: {
      groups: {
        header: { ...token, header: "X-Key" },
        cookie: { ...token, cookie: "tok" },
        param: { ...token, param: "tok" },
      },
      permissions: { header: terminal, cookie: terminal, param: terminal },
      default: "deny",
    },
  })
).host("terminal-1");
for (const gate of [serve, wire]) await gate.reached(bench.registry.revision, 10_000);

const CLOSES = "connection: close";

const used = new Set<string>();

async function agree(input: string): Promise<void> {
  const bytes = input
    .replaceAll("@", open)
    .replaceAll("<at>", "@")
    .replaceAll("<closed>", closed)
    .replaceAll("<key>", key);
  const onServe = await outcomeOf(serve, witness, bytes);
  const onWire = await outcomeOf(wire, witness, bytes);
  const names: string[] = [];
  let expected: Outcome = onServe;
  for (const { name, explain } of ACCEPTED) {
    const explained = explain(bytes, expected, onWire);
    if (explained === null || Bun.deepEquals(shown(explained), shown(expected))) continue;
    expected = explained;
    names.push(name);
  }
  expect({ input, accepted: names, ...shown(onWire) }).toEqual({
    input,
    accepted: names,
    ...shown(expected),
  });
  for (const name of names) used.add(name);
}

/** Whether the connection to the program ends with a body is a matter of what was there of it when the head was written. */
function shown({ arrived, statuses, code, isEnded }: Outcome) {
  const requests = arrived.map((one) =>
    one.body === "" ? one : { ...one, lines: one.lines.filter((line) => line !== CLOSES) },
  );
  return { arrived: requests, statuses, code, isEnded };
}

describe("both edges make the same of", () => {
  test.each(INPUTS.map((input) => [input.slice(0, 160), input]))("%j", (_start, input) =>
    agree(input),
  );

  test("requests made of such parts", async () => {
    const seed = Number(process.env.REALMGATE_TEST_SEED ?? 1);
    await fc.assert(fc.asyncProperty(generated, agree), { numRuns: 200, seed });
  }, 60_000);
});

test("every accepted difference is one", () => {
  expect(ACCEPTED.map(({ name }) => name).filter((name) => !used.has(name))).toEqual([]);
});
