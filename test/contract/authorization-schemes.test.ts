// The schemes of Authorization are read in any case and with one or more spaces (RFC 9110 §11.1 and §11.4), over REST and gRPC.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import { RefreshRequestSchema, UserService } from "../../proto/gen/realmgate/v1/users_pb.ts";
import { ControlPlane } from "../harness/control-plane.ts";

const password = "correct horse 1";
const { getMe, refresh } = UserService.method;

let plane: ControlPlane;
let session: string;
let refreshToken: string;
let token: string;

beforeAll(async () => {
  plane = new ControlPlane();
  const passwordHash = await Bun.password.hash(password, "argon2id");
  await plane.store.createFirstUser({ username: "ada", passwordHash });
  await plane.store.registerServer("local");
  const request = { method: "POST", realm: null } as const;
  const login = { username: "ada", password };
  const made = await plane.data("", { ...request, path: "/users/auth/login", body: login });
  ({ token: session, refreshToken } = made);
  const body = { permissions: {}, alias: "program" };
  token = (await plane.data(`Bearer ${session}`, { ...request, path: "/auth/tokens", body })).token;
});
afterAll(() => plane[Symbol.asyncDispose]());

const pair = () => Buffer.from(`ada:${password}`).toString("base64");

test.each([
  ["bearer", () => session],
  ["BEARER ", () => session],
  ["bEaReR   ", () => token],
  ["Bearer  ", () => token],
  ["basic", pair],
  ["BASIC ", pair],
  ["Basic    ", pair],
])("%j with a credential calls as its user", async (scheme, credential) => {
  const authorization = `${scheme} ${credential()}`;
  const rest = await plane.call(authorization, { method: "GET", path: "/users/me", realm: null });
  const grpc = await plane.grpc(authorization, getMe, create(EmptySchema), { realm: null });
  expect([rest.status, grpc.ok]).toEqual([200, true]);
});

test.each([
  ["Bearer", () => token],
  ["Bearer, ", () => token],
  ["Bearer Bearer ", () => token],
  ["Basic", pair],
  ["Token ", () => token],
])("%j is no scheme", async (scheme, credential) => {
  const authorization = `${scheme}${credential()}`;
  const rest = await plane.call(authorization, { method: "GET", path: "/users/me", realm: null });
  const grpc = await plane.grpc(authorization, getMe, create(EmptySchema), { realm: null });
  expect([rest.status, JSON.parse(rest.text).code]).toEqual([401, "INVALID_TOKEN"]);
  expect(grpc).toMatchObject({ ok: false, code: "INVALID_TOKEN" });
});

test("a session is renewed with any spelling of Bearer", async () => {
  const body = { refreshToken };
  const renewed = { method: "POST", path: "/users/auth/refresh", realm: null, body };
  for (const scheme of ["bearer", "BEARER  "]) {
    const authorization = `${scheme} ${refreshToken}`;
    expect((await plane.call(authorization, renewed)).status).toBe(200);
    const message = create(RefreshRequestSchema, { refreshToken });
    expect((await plane.grpc(authorization, refresh, message, { realm: null })).ok).toBeTrue();
  }
  for (const other of [`Basic ${refreshToken}`, `bearer ${refreshToken}x`, refreshToken]) {
    expect((await plane.call(other, renewed)).status).toBe(401);
  }
});
