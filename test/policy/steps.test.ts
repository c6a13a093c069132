// Work on the largest documents comes in steps of a bounded size: it is counted in units, not in time.
import { describe, expect, test } from "bun:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { PermissionDocumentSchema } from "../../proto/gen/realmgate/v1/permissions_pb.ts";
import { accessMatrixSteps } from "../../src/admin/containers/access-matrix.ts";
import { previewSteps } from "../../src/admin/documents/document-preview.ts";
import { acceptSteps } from "../../src/admin/documents/permission-document.ts";
import { finish, type Steps, stepUnits } from "../../src/policy/steps.ts";
import { StoredDocument } from "../../src/policy/stored-document.ts";

const many = (count: number, of: (n: number) => unknown) =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`g${n}`, of(n)]));
const token = (n: number) => ({ type: "token", value: `t${n}`, header: "x" });
const list = (length: number, of: (k: number) => number) => Array.from({ length }, (_, k) => of(k));

/** The shapes that are largest in some respect: groups, runs, runs of one group, programs. */
const documents: Record<string, object> = {
  "1,000 groups with 10 instances each": {
    groups: many(1000, token),
    permissions: many(1000, (n) => ({ http: list(10, (k) => n + 1 + k * 1000) })),
  },
  "the same, all of which have to match": {
    combine: "all",
    groups: many(1000, token),
    permissions: many(1000, (n) => ({ http: list(10, (k) => n + 1 + k * 1000) })),
  },
  "39 groups with 256 instances each": {
    groups: many(39, token),
    permissions: many(39, (n) => ({ http: list(256, (k) => 1 + n + k * 200) })),
  },
  "1,000 networks": {
    groups: many(1000, (n) => ({ type: "ip", range: `10.${n >> 8}.${n & 255}.0/24` })),
    permissions: many(1000, () => ({ http: "8000-9000" })),
  },
  "400 groups with 24 programs each": {
    groups: many(400, token),
    permissions: many(400, (n) =>
      Object.fromEntries(list(24, (k) => k + (n % 17) * 60).map((k) => [`exec-${k}`, 1 + n])),
    ),
  },
};

const accepted = (json: object) =>
  acceptSteps(fromJson(PermissionDocumentSchema, { default: "deny", ...json } as JsonObject));

function counted(steps: Steps<unknown>) {
  const units: number[] = [];
  for (let step = steps.next(); !step.done; step = steps.next()) units.push(step.value);
  return { most: Math.max(...units), total: units.reduce((sum, each) => sum + each, 0) };
}

/** A step may end within a group, which has at most 64 programs or 256 instances, or within a place with all groups. */
const mostUnits = 2 * stepUnits + 1;

describe.each(Object.entries(documents))("of %s", (_name, json) => {
  const { document } = finish(accepted(json));
  const nothing = { version: 1, enableProxy: true, body: null, hooks: null };
  const after = { ...nothing, body: document.text };
  const container = { status: "running", address: "10.0.0.1" } as Parameters<
    typeof accessMatrixSteps
  >[0]["container"];
  const works: [string, () => Steps<unknown>][] = [
    ["accepting", () => accepted(json)],
    ["compiling", () => StoredDocument.read(document.text).compiledSteps()],
    [
      "a preview",
      () =>
        previewSteps({
          kind: "container",
          before: nothing,
          after,
          project: nothing,
          followers: { containers: 1, following: 1 },
        }),
    ],
    ["an access matrix", () => accessMatrixSteps({ container, own: after }, nothing, () => true)],
  ];

  test.each(works)("%s never does more than a bounded number of units in a step", (_what, work) => {
    const { most, total } = counted(work());
    expect(most).toBeLessThanOrEqual(mostUnits);
    // And not more in all than a few for each run, cut, group and program: nothing is quadratic.
    expect(total).toBeLessThan(150_000);
  });
});
