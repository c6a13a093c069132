import { expect, test } from "bun:test";
import { create, equals, fromBinary } from "@bufbuild/protobuf";
import {
  ChangesSchema,
  ContainerStateSchema,
  DocumentContentSchema,
  FollowResponseSchema,
  ProjectStateSchema,
  RevisionLineageSchema,
} from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import { encodedBatch } from "./feed-batches.ts";

test.each([0, 1, 50])("%d documents of 10 kB come in small parts, and all of them", (count) => {
  const names = Array.from({ length: count }, (_, index) => String(index));
  const changes = create(ChangesSchema, {
    revision: 7n,
    lineages: [create(RevisionLineageSchema, { fromRevision: 3n, tag: "ab" })],
    all: count % 2 === 0,
    documents: names.map((digest) =>
      create(DocumentContentSchema, { digest, json: digest.padEnd(10_000, "x") }),
    ),
    projects: names.map((id) => create(ProjectStateSchema, { id, documentDigest: id })),
    containers: names.map((id) => create(ContainerStateSchema, { id, serverName: "local" })),
  });
  const bodies = [...encodedBatch(changes)].map((bytes) => {
    expect(bytes.length).toBeLessThan(150_000);
    const { body } = fromBinary(FollowResponseSchema, bytes);
    if (body.case !== "batch") throw new Error(`${body.case}`);
    return body.value;
  });
  expect(bodies.map(({ last }) => last)).toEqual(bodies.map((_, at) => at === bodies.length - 1));
  const parts = bodies.map((body) => body.changes ?? create(ChangesSchema));
  for (const { revision, lineages, all } of parts) {
    expect([revision, lineages.length, all]).toEqual([7n, 1, changes.all]);
  }
  const whole = create(ChangesSchema, {
    ...changes,
    documents: parts.flatMap(({ documents }) => documents),
    projects: parts.flatMap(({ projects }) => projects),
    containers: parts.flatMap(({ containers }) => containers),
  });
  expect(equals(ChangesSchema, whole, changes)).toBeTrue();
  expect(parts.length).toBe(count > 13 ? 4 : 1);
});
