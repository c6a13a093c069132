import { expect, test } from "bun:test";
import { feedChanges } from "../../../test/harness/feed-changes.ts";
import { batchOf } from "./change-batch.ts";
import { CONTAINER, DOCUMENT } from "./file-record.ts";
import { PendingChanges } from "./pending-changes.ts";

const id = (n: number) => n.toString(16).padStart(24, "0");

/** A container whose document is another one each time. */
function written(container: number, version: number): PendingChanges {
  const pending = new PendingChanges();
  const range = `10.${version >> 8}.${version & 255}.0/24`;
  const document = { groups: { office: { type: "ip", range } }, default: "deny" };
  const state = { id: id(container), projectId: id(1), serverName: "local", document };
  pending.add(batchOf(feedChanges(1n, [], [state])), "local");
  return pending;
}

function kinds(pending: PendingChanges) {
  const records = [...pending.records(() => false)];
  const of = (wanted: number) => records.filter(({ kind }) => kind === wanted).length;
  return { containers: of(CONTAINER), documents: of(DOCUMENT) };
}

test("while nothing can be saved, what comes later goes into what waits, which is not gone through again", () => {
  const first = written(1, 1);
  expect(first.followedBy(written(2, 2))).toBe(first);
  expect(kinds(first)).toEqual({ containers: 2, documents: 2 });
});

test("a document that is written again and again while nothing can be saved does not pile up", () => {
  let pending = written(1, 0);
  for (let version = 1; version < 1_000; version++) {
    pending = pending.followedBy(written(1, version));
  }
  expect(kinds(pending).containers).toBe(1);
  expect(kinds(pending).documents).toBeLessThanOrEqual(2);
});
