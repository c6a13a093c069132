import { afterAll, beforeAll, expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { credentials } from "@grpc/grpc-js";
import type { Call } from "../../proto/call.ts";
import { ErrorCode } from "../../proto/gen/realmgate/v1/errors_pb.ts";
import { ProjectService } from "../../proto/gen/realmgate/v1/projects_pb.ts";
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
    message: (work) => Promise.resolve(work(() => create(method.input))),
  });
  const [{ credential, authority, realmFilter, ifMatch } = said] = heard;
  return { credential, authority, realmFilter, ifMatch };
}

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
