// `buf curl` knows nothing of ours: it asks the server by reflection.
import { expect, test } from "bun:test";
import { resolve } from "node:path";
import { adminPassword, startProgram } from "../harness/program.ts";

const buf = resolve(import.meta.dir, "../../node_modules/.bin/buf");

async function call(grpc: string, method: string, body: object, ...flags: readonly string[]) {
  const plain = ["--protocol", "grpc", "--http2-prior-knowledge"];
  const command = [
    buf,
    "curl",
    ...plain,
    "-d",
    JSON.stringify(body),
    ...flags,
    `${grpc}/${method}`,
  ];
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if ((await child.exited) !== 0) throw new Error(err);
  return JSON.parse(out);
}

test("buf curl finds the services by reflection, and calls them", async () => {
  await using program = await startProgram();
  const { grpc } = program.urls;
  const login = { username: "admin", password: adminPassword };
  const { token } = await call(grpc, "realmgate.v1.UserService/Login", login);
  const header = ["-H", `authorization: Bearer ${token}`];
  const me = await call(grpc, "realmgate.v1.UserService/GetMe", {}, ...header);
  expect(me.username).toBe("admin");
  const health = (service: string) => call(grpc, "grpc.health.v1.Health/Check", { service });
  expect(await health("")).toEqual({ status: "SERVING" });
  expect(await health("realmgate.v1.UserService")).toEqual({ status: "SERVING" });
  const { statuses } = await call(grpc, "grpc.health.v1.Health/List", {});
  expect(statuses["realmgate.v1.UserService"]).toEqual({ status: "SERVING" });
}, 60_000);
