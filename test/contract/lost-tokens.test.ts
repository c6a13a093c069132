// A token that is taken away stops the writes that it has begun: who is let in sends a message later, and it may wait for its turn.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect } from "node:net";
import { Tenants } from "../harness/tenants.ts";

const MESSAGE = JSON.stringify({ alias: "written-all-the-same" });

let tenants: Tenants;

beforeAll(async () => {
  tenants = await Tenants.open();
});

afterAll(() => tenants[Symbol.asyncDispose]());

interface Made {
  readonly id: string;
  readonly token: string;
}

function made(fields: object = {}, as = tenants.ada): Promise<Made> {
  const body = { alias: `t-${crypto.randomUUID()}`, permission_template: "full_access", ...fields };
  return tenants.data("POST", "/auth/tokens", { body, as });
}

/** The status of a write whose caller is known before `meanwhile`, and whose message comes after it. */
async function written(project: string, token: Made, meanwhile: () => Promise<unknown>) {
  const socket = connect(tenants.plane.restPort, "127.0.0.1");
  const answered = new Promise<string>((resolve) => {
    let text = "";
    socket.on("data", (bytes) => {
      text += bytes;
    });
    socket.on("close", () => resolve(text));
  });
  const head = [
    `PATCH /api/v1/projects/${project} HTTP/1.1`,
    "Host: localhost",
    `Authorization: Bearer ${token.token}`,
    "Content-Type: application/json",
    `Content-Length: ${MESSAGE.length}`,
    "Connection: close",
  ];
  socket.write(`${head.join("\r\n")}\r\n\r\n`);
  const isKnown = async () => {
    const { last_used_at: at } = await tenants.data("GET", `/auth/tokens/${token.id}`);
    return at !== null && at !== undefined;
  };
  while (!(await isKnown())) await Bun.sleep(5);
  await meanwhile();
  socket.write(MESSAGE);
  const [, status] = (await answered).split(" ");
  const { alias } = await tenants.data("GET", `/projects/${project}`);
  return [Number(status), alias === "written-all-the-same"];
}

const change = (id: string, body: object) => tenants.data("PATCH", `/auth/tokens/${id}`, { body });

test("a token that nothing happens to writes", async () => {
  expect(await written(await tenants.project(), await made(), async () => {})).toEqual([200, true]);
});

test.each<[string, number, (id: string) => Promise<unknown>]>([
  ["was deleted", 401, (id) => tenants.send("DELETE", `/auth/tokens/${id}`)],
  ["was disabled", 401, (id) => change(id, { is_enabled: false })],
  ["lost the permission", 403, (id) => change(id, { permissions: { projects: { read: true } } })],
  ["may not be used from here any more", 403, (id) => change(id, { ip_whitelist: ["192.0.2.1"] })],
  ["works in another realm alone", 403, (id) => change(id, { realm_ids: ["a".repeat(24)] })],
])("a token that %s meanwhile writes nothing", async (_what, status, meanwhile) => {
  const token = await made();
  const answer = await written(await tenants.project(), token, () => meanwhile(token.id));
  expect(answer).toEqual([status, false]);
});

test("a token writes nothing once the one that made it was disabled", async () => {
  const parent = await made();
  const child = await made({}, `Bearer ${parent.token}`);
  const disable = () => change(parent.id, { is_enabled: false });
  expect(await written(await tenants.project(), child, disable)).toEqual([401, false]);
});
