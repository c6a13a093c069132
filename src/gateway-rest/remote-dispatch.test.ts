import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import type { Call } from "../../proto/call.ts";
import { ErrorCode } from "../../proto/gen/realmgate/v1/errors_pb.ts";
import { ProjectService } from "../../proto/gen/realmgate/v1/projects_pb.ts";
import { UserService } from "../../proto/gen/realmgate/v1/users_pb.ts";
import { methodPath } from "../../proto/grpc.ts";
import { publicServices } from "../../test/harness/rest-services.ts";
import { type GrpcServer, startGrpc } from "../admin/api/grpc-server.ts";
import { trustedProxies } from "../proxy/gate/client-address.ts";
import { type RemoteDispatch, remoteDispatch } from "./remote-dispatch.ts";

const heard: Call[] = [];
let control: GrpcServer;
let remote: RemoteDispatch;

beforeAll(async () => {
  control = await startGrpc({
    hostname: "127.0.0.1",
    port: 0,
    services: publicServices,
    proxies: trustedProxies([]),
    gatewayProblem: async (said) => (said === "gateway" ? null : "unknown"),
    dispatch: async (call) => {
      heard.push(call);
      if (call.credential?.startsWith("Bearer good")) {
        const message = create(call.method.output);
        return { ok: true, message, revision: null, etag: null, dryRun: false };
      }
      return { ok: false, code: ErrorCode.INVALID_TOKEN, violations: [], retryAfterS: null };
    },
  });
  remote = remoteDispatch({
    connections: () => [
      {
        target: `127.0.0.1:${control.port}`,
        credentials: credentials.createInsecure(),
        options: {},
      },
    ],
    token: "gateway",
  });
});

afterAll(async () => {
  remote.close();
  await control.stop();
});

const said = {
  credential: "Bearer a",
  authority: "api.x",
  realmFilter: "a".repeat(24),
  ifMatch: "file:v1",
};

async function passedOn(fields: Partial<typeof said>) {
  const method = ProjectService.method.listProjects;
  heard.length = 0;
  await remote.dispatch({
    ...{ ...said, ...fields, method, realmId: null, clientAddress: "192.0.2.1", requestId: "r" },
    hasBody: false,
    message: (work) => Promise.resolve(work(() => create(method.input))),
  });
  const [{ credential, authority, realmFilter, ifMatch } = said] = heard;
  return { credential, authority, realmFilter, ifMatch };
}

describe("a body", () => {
  const asked = (credential: string | null, more: Partial<Call> = {}) => {
    const { method = ProjectService.method.createProject } = more;
    let reads = 0;
    const reply = remote.dispatch({
      ...{ ...said, method, credential, realmId: null, clientAddress: "192.0.2.1", requestId: "r" },
      hasBody: true,
      message: (work) => {
        reads++;
        return work(() => create(method.input));
      },
      ...more,
    });
    return reply.then((done) => [done.ok ? "ok" : done.code, reads]);
  };

  test("of a caller that the control plane does not identify is not read", async () => {
    heard.length = 0;
    expect(await asked("Bearer bad")).toEqual([ErrorCode.INVALID_TOKEN, 0]);
    expect(await asked(null)).toEqual([ErrorCode.INVALID_TOKEN, 0]);
    expect(heard.map(({ identifiesOnly }) => identifiesOnly)).toEqual([true, true]);
    expect(heard[0]).toMatchObject({ ...said, credential: "Bearer bad" });
  });

  test("is read once its caller was identified, who is asked for once in a while, from each network", async () => {
    heard.length = 0;
    expect(await asked("Bearer good")).toEqual(["ok", 1]);
    expect(await asked("Bearer good")).toEqual(["ok", 1]);
    expect(await asked("Bearer good", { clientAddress: "192.0.2.2" })).toEqual(["ok", 1]);
    expect(heard.map(({ identifiesOnly }) => identifiesOnly)).toEqual([
      ...[true, false, false, true, false],
    ]);
  });

  test("of a public method is read, and a call without one goes on at once", async () => {
    heard.length = 0;
    const method = UserService.method.login;
    expect(await asked(null, { method })).toEqual([ErrorCode.INVALID_TOKEN, 1]);
    expect(await asked("Bearer bad", { hasBody: false })).toEqual([ErrorCode.INVALID_TOKEN, 1]);
    expect(heard.map(({ identifiesOnly }) => identifiesOnly)).toEqual([false, false]);
  });

  test("is not read where the control plane cannot be asked", async () => {
    const nowhere = remoteDispatch({
      connections: () => [
        { target: "127.0.0.1:1", credentials: credentials.createInsecure(), options: {} },
      ],
      token: "gateway",
    });
    const method = ProjectService.method.createProject;
    const reply = await nowhere.dispatch({
      ...{ ...said, method, realmId: null, clientAddress: "192.0.2.1", requestId: "r" },
      message: () => Promise.reject(new Error("it was read")),
    });
    expect(reply).toMatchObject({ ok: false, code: ErrorCode.STORE_UNAVAILABLE });
    nowhere.close();
  });
});

test("whoever is no gateway cannot ask whether a caller is identified: the call is made", async () => {
  heard.length = 0;
  const client = new Client(`127.0.0.1:${control.port}`, credentials.createInsecure());
  const method = ProjectService.method.createProject;
  const metadata = new Metadata();
  metadata.set("x-realmgate-identify", "true");
  const none = () => Buffer.alloc(0);
  await new Promise((done) =>
    client.makeUnaryRequest(methodPath(method), none, none, {}, metadata, done),
  );
  expect(heard.map(({ identifiesOnly }) => identifiesOnly)).toEqual([false]);
  client.close();
});

test("what a client says goes on as it is", async () => {
  expect(await passedOn({})).toEqual(said);
});

test.each(["credential", "authority", "realmFilter", "ifMatch"] as const)(
  "a %s that metadata cannot carry is not as if it had not been sent",
  async (field) => {
    for (const odd of ["é", "a\tb", ""]) {
      const passed = await passedOn({ [field]: odd });
      expect(passed[field]).not.toBeNull();
      expect(passed).toEqual({ ...said, [field]: passed[field] });
    }
  },
);
