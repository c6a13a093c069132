// However much comes at once: no step of learning or of saving it takes more than a few entities.
import { describe, expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import {
  type Changes,
  ChangesSchema,
  ContainerStateSchema,
  DocumentContentSchema,
  ProjectStateSchema,
} from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import { encodedBatch } from "../../admin/feed/feed-batches.ts";
import type { Steps } from "../../policy/steps.ts";
import { type ChangeBatch, noted } from "./change-batch.ts";
import { type FeedPart, heardIn, joined } from "./feed-part.ts";
import { type FileRecord, recordOf } from "./file-record.ts";
import { PendingChanges } from "./pending-changes.ts";
import { Snapshot } from "./snapshot.ts";

const MANY = 10_000;
/** A project, a container and a document may be taken in one step, not more of any. */
const STEP_MAX = 3;

const hexId = (n: number) => n.toString(16).padStart(24, "0");
const log = { error() {}, warn() {}, info() {} };
const empty = () =>
  Snapshot.empty({ serverName: "local", programPorts: {}, mayDial: () => true, log });

/** As many containers, each with a document of its own. */
function manyChanges(): Changes {
  const digest = (n: number) => n.toString(16).padStart(64, "0");
  const numbers = Array.from({ length: MANY }, (_, n) => n);
  return create(ChangesSchema, {
    revision: 1n,
    projects: numbers.map((n) => create(ProjectStateSchema, { id: hexId(n) })),
    containers: numbers.map((n) =>
      create(ContainerStateSchema, {
        id: hexId(n),
        projectId: hexId(n),
        serverName: "local",
        documentDigest: digest(n),
      }),
    ),
    documents: numbers.map((n) =>
      create(DocumentContentSchema, { digest: digest(n), json: `{"default":"deny"}` }),
    ),
  });
}

/** The same in one part; `taken` is called for each entity that is asked for. */
function counted(changes: Changes, taken: () => void): ChangeBatch {
  const counting = <Entity>(entities: readonly Entity[]): Iterable<Entity> => ({
    *[Symbol.iterator]() {
      for (const entity of entities) {
        taken();
        yield entity;
      }
    },
  });
  const part = {
    projects: counting(changes.projects),
    containers: counting(changes.containers),
    documents: counting(changes.documents),
  };
  return { revision: 1n, lineages: [], all: false, parts: [part], states: null };
}

/** The most that was taken in one step. */
function mostInOneStep(work: (taken: () => void) => Steps<unknown>): number {
  let [taken, most, total] = [0, 0, 0];
  const steps = work(() => {
    taken++;
    total++;
  });
  // What is taken before the first step is no slice's.
  for (let isDone = false; !isDone; ) {
    isDone = steps.next().done === true;
    most = Math.max(most, taken);
    taken = 0;
  }
  expect(total).toBe(3 * MANY);
  return most;
}

describe("of a large batch a step takes a few entities", () => {
  const changes = manyChanges();

  test("where it is applied", () => {
    const most = mostInOneStep((taken) => empty().applySteps(counted(changes, taken)));
    expect(most).toBeLessThanOrEqual(STEP_MAX);
  });

  test("where it is applied, and what changed is noted", () => {
    const most = mostInOneStep((taken) => empty().applySteps(noted(counted(changes, taken)).batch));
    expect(most).toBeLessThanOrEqual(STEP_MAX);
  });

  test("where it is everything", () => {
    const most = mostInOneStep((taken) => empty().replacedBySteps(counted(changes, taken)));
    expect(most).toBeLessThanOrEqual(STEP_MAX);
  });

  test("where it is made ready to be saved", () => {
    const most = mostInOneStep((taken) => {
      const pending = new PendingChanges();
      pending.add(counted(changes, taken), "local");
      return pending.read();
    });
    expect(most).toBeLessThanOrEqual(STEP_MAX);
  });

  test("where it comes from a source in the same process, that says how many there are", () => {
    const most = mostInOneStep((taken) => {
      const pending = new PendingChanges();
      pending.add({ ...counted(changes, taken), states: 2 * MANY }, "local");
      return pending.read();
    });
    expect(most).toBeLessThanOrEqual(STEP_MAX);
  });
});

/** Shards of a large map. */
const MAP_MAX = 4_096;

/** The most entries that a Map or a Set had to which something was added. */
function largest(work: () => void): number {
  const [set, add] = [Map.prototype.set, Set.prototype.add];
  let most = 0;
  Map.prototype.set = function (this: Map<unknown, unknown>, key: unknown, value: unknown) {
    set.call(this, key, value);
    most = Math.max(most, this.size);
    return this;
  };
  Set.prototype.add = function (this: Set<unknown>, value: unknown) {
    add.call(this, value);
    most = Math.max(most, this.size);
    return this;
  };
  try {
    work();
  } finally {
    Map.prototype.set = set;
    Set.prototype.add = add;
  }
  return most;
}

describe("no map grows with a large batch, for growing moves all its entries in one step:", () => {
  const changes = manyChanges();
  const nothing = create(ChangesSchema, { revision: 2n, all: true });

  test("where it is applied, and all of it is gone again", () => {
    expect(largest(() => empty().apply(changes).replacedBy(nothing))).toBeLessThanOrEqual(MAP_MAX);
    const gone = changes.containers.map(({ id }) =>
      create(ContainerStateSchema, { id, deleted: true }),
    );
    const next = create(ChangesSchema, { revision: 2n, containers: gone });
    expect(largest(() => empty().apply(changes).apply(next))).toBeLessThanOrEqual(MAP_MAX);
  });

  test("where it waits to be saved", () => {
    const most = largest(() => {
      const pending = new PendingChanges();
      pending.add({ ...counted(changes, () => {}), states: null }, "local");
      for (const _ of pending.read());
    });
    expect(most).toBeLessThanOrEqual(MAP_MAX);
  });
});

describe("of a batch that came over the feed", () => {
  const parts = [...encodedBatch(manyChanges())].map((message): FeedPart => {
    const heard = heardIn(message);
    if (heard.case !== "part") throw new Error("no part");
    return heard.value;
  });

  test("an entity is decoded when its turn comes: one that is broken shows after the steps of those before it", () => {
    const [first, second] = parts;
    if (first === undefined || second === undefined) throw new Error("fewer parts");
    // Field 4, a document, whose first byte is no tag of protobuf.
    const broken = Buffer.concat([first.changes, Buffer.from([0x22, 0x01, 0x07])]);
    const batch = joined([{ changes: broken, isLast: false }, second]);
    let steps = 0;
    const apply = () => {
      for (const _ of empty().applySteps(batch)) steps++;
    };
    expect(apply).toThrow();
    expect(steps).toBeGreaterThan(1_000);
  });

  test("what is saved of it is the bytes that came, a record at each step", () => {
    const pending = new PendingChanges();
    pending.add(joined(parts), "local");
    const steps = [...pending.read()].length;
    expect(steps).toBeGreaterThanOrEqual(3 * MANY);
    const { projects, containers, documents } = manyChanges();
    const said = ({ kind, message }: FileRecord) =>
      `${kind} ${Buffer.from(message).toString("hex")}`;
    const sent = [...documents, ...projects, ...containers].map(recordOf).map(said);
    expect([...pending.records(() => false)].map(said).sort()).toEqual(sent.sort());
  });

  test("nothing that is kept for long keeps the message in which it came", () => {
    const pending = new PendingChanges();
    pending.add(joined(parts), "local");
    for (const _ of pending.read());
    const [part] = parts;
    for (const { message } of pending.records(() => false)) {
      expect(message.buffer.byteLength).toBeLessThan(part?.changes.length ?? 0);
    }
  });

  test("all is there at its end", () => {
    const batch = joined(parts);
    const ids = { projects: 0, containers: 0, documents: 0 };
    if (!("parts" in batch)) throw new Error("one part");
    for (const { projects, containers, documents } of batch.parts) {
      ids.projects += [...projects].length;
      ids.containers += [...containers].length;
      ids.documents += [...documents].length;
    }
    expect(ids).toEqual({ projects: MANY, containers: MANY, documents: MANY });
  });
});
