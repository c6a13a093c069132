// Writers of one document over REST and gRPC at once, through every door that the document has.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import {
  ContainerHooksService,
  CreateHookRequestSchema,
} from "../../proto/gen/realmgate/v1/hooks_pb.ts";
import {
  ContainerPermissionsService,
  DeletePermissionsRequestSchema,
  SetIpGroupRequestSchema,
} from "../../proto/gen/realmgate/v1/permissions_pb.ts";
import {
  ContainerSettingsService,
  UpdateSettingsRequestSchema,
} from "../../proto/gen/realmgate/v1/settings_pb.ts";
import { ControlPlane } from "../harness/control-plane.ts";

const rounds = 12;
const writersOfEachKind = 6;

const plane = new ControlPlane();
let owner: string;
let id: string;

beforeAll(async () => {
  await plane.store.createFirstUser({ username: "owner", passwordHash: "-" });
  await plane.store.registerServer("local");
  owner = await plane.session("owner");
  const post = (path: string, body: unknown) =>
    plane.data(owner, { method: "POST", path, realm: null, body });
  const project = await post("/projects", { alias: "one" });
  id = (await post(`/projects/${project.id}/containers`, { name: "box" })).id;
});

afterAll(() => plane[Symbol.asyncDispose]());

/** The version that a write made; null: somebody else was first. */
type Writer = (ifMatch: string, name: string) => Promise<number | null>;

function overRest(method: string, path: string, body: (name: string) => unknown): Writer {
  return async (ifMatch, name) => {
    const at = `/containers/${id}/proxy${path.replace("NAME", name)}`;
    const seen = await plane.call(owner, {
      method,
      path: at,
      realm: null,
      body: body(name),
      ifMatch,
    });
    const { code, data } = JSON.parse(seen.text);
    if (seen.status === 412) expect(code).toBe("PRECONDITION_FAILED");
    else expect(seen.status).toBeLessThan(300);
    return seen.status === 412 ? null : data.file_version;
  };
}

const hook = { match: {}, script: { path: "/a.ts" } };
const { setIpGroup } = ContainerPermissionsService.method;
const { updateSettings } = ContainerSettingsService.method;
const { createHook } = ContainerHooksService.method;

async function won(call: ReturnType<ControlPlane["grpc"]>): Promise<number | null> {
  const answer = await call;
  if (!answer.ok) {
    expect(answer.code).toBe("PRECONDITION_FAILED");
    return null;
  }
  return (answer.message as unknown as { fileVersion: number }).fileVersion;
}

const writers: readonly Writer[] = [
  overRest("PATCH", "/permissions/groups/NAME/ip", () => ({ range: "203.0.113.0/24" })),
  overRest("PUT", "/settings", () => ({ default: "allow" })),
  overRest("PUT", "/permissions", () => ({ default: "deny" })),
  overRest("PATCH", "/permissions/state", () => ({ enable_proxy: true })),
  (ifMatch, name) => {
    const message = create(SetIpGroupRequestSchema, { id, name, group: { range: "192.0.2.0/24" } });
    return won(plane.grpc(owner, setIpGroup, message, { realm: null, ifMatch }));
  },
  (ifMatch) => {
    const message = create(UpdateSettingsRequestSchema, { id, default: "deny" });
    return won(plane.grpc(owner, updateSettings, message, { realm: null, ifMatch }));
  },
  (ifMatch) => {
    const message = create(CreateHookRequestSchema, { id, service: "terminal", ...hook });
    return won(plane.grpc(owner, createHook, message, { realm: null, ifMatch }));
  },
];

async function present(): Promise<{ version: number; etag: string }> {
  const path = `/containers/${id}/proxy/permissions`;
  const { file_version, etag } = await plane.data(owner, { method: "GET", path, realm: null });
  return { version: file_version, etag };
}

test("of the writers that saw one version exactly one wins, and no version comes twice", async () => {
  const seen = new Set<number>();
  for (let round = 0; round < rounds; round++) {
    const before = await present();
    const racing = writers.flatMap((write, kind) =>
      Array.from({ length: writersOfEachKind }, (_, n) =>
        write(before.etag, `g-${round}-${kind}-${n}`),
      ),
    );
    const winners = (await Promise.all(racing)).filter((version) => version !== null);
    expect(winners).toEqual([before.version + 1]);
    expect((await present()).version).toBe(before.version + 1);
    expect(seen.has(before.version + 1)).toBe(false);
    seen.add(before.version + 1);
    if (round % 3 !== 2) continue;
    // Deleted, and made again: the version goes on.
    const message = create(DeletePermissionsRequestSchema, { id });
    const { etag: ifMatch } = await present();
    const deleting = plane.grpc(
      owner,
      ContainerPermissionsService.method.deletePermissions,
      message,
      {
        realm: null,
        ifMatch,
      },
    );
    const version = await won(deleting);
    expect(version).toBe(before.version + 2);
    seen.add(before.version + 2);
  }
}, 60_000);
