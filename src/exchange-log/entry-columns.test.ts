import { expect, test } from "bun:test";
import { randomFrom } from "../../test/arbitrary/random.ts";
import type { EntryPlace } from "./entry-batch.ts";
import { EntryColumns, readEntries } from "./entry-columns.ts";
import type { LoggedExchange } from "./log-entry.ts";

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
    const places = random.list(random.between(1, 4), (n): EntryPlace => {
      const container = `c${n >> 1}`;
      return { kind: n % 2 === 0 ? "passed" : "refused", project: "p", container };
    });
    const added = random.list(random.between(1, 100), (n) => {
      const { path, bytes, durationMs, startedAtMs, requestId } = exchange(n);
      const common = random.pick(kinds);
      const each = { ...common, path, bytes, durationMs, startedAtMs, requestId };
      return { each, place: random.pick(places) };
    });
    // One object, as the proxy has.
    const scratch = exchange(0);
    for (const { each, place } of added) columns.add(place, Object.assign(scratch, each));
    const batch = columns.batch();
    const ids = Buffer.from(batch.ids, "hex");
    const wanted = random.pick(places);
    const stored = { ...batch, firstId: 7_000, ids };
    const read = readEntries(stored, (place) => place === wanted).map(({ entry }) => entry);
    const expected = added
      .filter(({ place }) => place === wanted)
      .map(({ each }) => ({ project: "p", container: wanted.container, ...each }));
    expect({ seed, block, read: read.map(({ id: _, ...rest }) => rest) }).toEqual({
      seed,
      block,
      read: expected,
    });
    // Ids follow each other in a container, whatever others do.
    const isOfContainer = ({ container }: EntryPlace) => container === wanted.container;
    const numbers = readEntries(stored, isOfContainer).map(({ entry }) => entry.id);
    expect(numbers).toEqual(numbers.map((_, n) => 7_000 + n));
  }
});

test("a batch whose columns differ in length is damaged", () => {
  const columns = new EntryColumns();
  const text = columns.batch().text.replace("[],[],[],null,null]", '[],["/"],[],null,null]');
  const places: EntryPlace[] = [{ kind: "passed", project: "p", container: "c" }];
  const read = () => readEntries({ places, firstId: 1, ids: new Uint8Array(12), text }, () => true);
  expect(read).toThrow("column");
});
