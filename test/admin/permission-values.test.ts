// Values of permissions that only binary protobuf can carry are refused as any other that is none, not as errors of ours.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import {
  ContainerPermissionsService,
  SetPermissionRequestSchema,
} from "../../proto/gen/realmgate/v1/permissions_pb.ts";
import { permissionServices } from "../../src/admin/documents/permission-service.ts";
import {
  contextOf,
  openPlace,
  type Place,
  putDocument,
  refusalFrom,
} from "../harness/documents.ts";

let place: Place;

beforeAll(async () => {
  place = await openPlace();
  const groups = { office: { type: "ip", range: "10.1.0.0/16" } };
  await putDocument(place, place.container, { groups, default: "deny" });
});

afterAll(() => place.store.close());

const number = (value: number) => create(ValueSchema, { kind: { case: "numberValue", value } });

test.each([
  ["no value", create(ValueSchema)],
  ["NaN", number(Number.NaN)],
  ["an infinity", number(Number.POSITIVE_INFINITY)],
])("%s", async (_what, access) => {
  const { store, scope, container } = place;
  const own = permissionServices(store, Date.now).find(
    ({ service }) => service === ContainerPermissionsService,
  );
  const request = { id: container.id, name: "office", program: "http", access };
  const message = create(SetPermissionRequestSchema, request);
  const writing = own?.methods.setPermission?.(message, contextOf(scope, 1));
  expect(await refusalFrom(Promise.resolve(writing))).toEqual({
    status: 400,
    code: "INVALID_PERMISSION_VALUE",
    at: ["/access"],
  });
});
