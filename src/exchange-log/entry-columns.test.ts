import { expect, test } from "bun:test";
import { randomFrom } from "../../test/arbitrary/random.ts";
import { EntryColumns, readEntries } from "./entry-columns.ts";
import type { LoggedExchange } from "./log-entry.ts";

const place = { project: "p", container: "c", firstId: 7_000 };
const hex = (n: number) => n.toString(16).padStart(24, "0");
const texts = ["", "a", 'b"\\', "\u2028é", "\ud83d\ude00"];

test("what goes into columns comes out, whatever entries have in common", () => {
  const seed = Number(process.env.REALMGATE_TEST_SEED ?? Date.now() % 2 ** 31);
  const random = randomFrom(seed);
  const text = () => random.pick(texts);
  const some = <Value>(value: Value) => (random.chance(0.5) ? null : value);
  const exchange = (n: number): LoggedExchange => ({
    requestId: hex(random.below(2 ** 31) * 4_096 + n),
    traceId: random.chance(0.95) ? null : text(),
    startedAtMs: 1_800_000_000_000 + random.between(-5_000, 5_000),
    durationMs: random.below(1e9) / 1_000,
    method: random.pick(["GET", "POST"]),
    path: some(text()),
    program: text(),
    instance: random.below(2),
    alias: some(text()),
    hook: some(text()),
    status: some(random.pick([200, 403])),
    reason: random.pick(["granted", "denied"]),
    groups: some(random.list(random.below(3), text)),
    subject: some(text()),
    client: text(),
    bytes: some(random.below(2 ** 40)),
    end: random.pick(["complete", "broken"] as const),
  });
  for (let block = 0; block < 50; block++) {
    const kinds = random.list(random.between(1, 9), exchange);
    const columns = new EntryColumns();
    const added = random.list(random.between(1, 100), (n) => {
      const { path, bytes, durationMs, startedAtMs, requestId } = exchange(n);
      return { ...random.pick(kinds), path, bytes, durationMs, startedAtMs, requestId };
    });
    for (const each of added) columns.add(each);
    const ids = Buffer.from(added.map(({ requestId }) => requestId).join(""), "hex");
    const expected = added.map((each, row) => ({
      id: 7_000 + row,
      project: "p",
      container: "c",
      ...each,
    }));
    expect({ seed, block, entries: readEntries(columns.text(), ids, place) }).toEqual({
      seed,
      block,
      entries: expected,
    });
  }
});

test("a block whose columns differ in length is damaged", () => {
  const columns = new EntryColumns();
  const text = columns.text().replace("[],0,[],[],[],null]", '[],0,[],["/"],[],null]');
  expect(() => readEntries(text, new Uint8Array(12), place)).toThrow("column");
});
