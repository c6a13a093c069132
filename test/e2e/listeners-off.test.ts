// Listeners that an installation does not want are off.
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { certificate } from "../harness/certificate.ts";
import { loginAdmin, makePlace } from "../harness/client.ts";
import { startProgram, startUpstream } from "../harness/program.ts";

const off = (...names: string[]) =>
  Object.fromEntries(names.map((name) => [`REALMGATE_${name}_LISTEN`, "off"]));

test("without gRPC and the operators' listener, REST and the data plane work", async () => {
  await using program = await startProgram({ environment: off("GRPC", "OPS") });
  expect(Object.keys(program.urls).toSorted()).toEqual(["pid", "proxy", "rest"]);
  const api = await loginAdmin(program.urls);
  expect((await api.call("GET", "/users/me")).status).toBe(200);
  const answer = await fetch(program.urls.proxy, { headers: { host: "x.containers.localhost" } });
  expect(answer.status).toBe(404);
}, 60_000);

test("without the plain listener HTTPS alone serves, and without REST there is no API over HTTP", async () => {
  const folder = mkdtempSync(join(tmpdir(), "realmgate-off-"));
  const [certPath, keyPath] = [join(folder, "tls.crt"), join(folder, "tls.key")];
  const pair = certificate({ names: ["*.local.containers.localhost"] });
  writeFileSync(certPath, pair.cert);
  writeFileSync(keyPath, pair.key);
  const https = {
    REALMGATE_PROXY_TLS_LISTEN: "127.0.0.1:0",
    REALMGATE_TLS_CERT: certPath,
    REALMGATE_TLS_KEY: keyPath,
  };
  await using upstream = await startUpstream();
  await using program = await startProgram({ environment: { ...https, ...off("PROXY") } });
  expect(Object.keys(program.urls).toSorted()).toEqual(["grpc", "ops", "pid", "proxyTls", "rest"]);
  const place = await makePlace(await loginAdmin(program.urls), program.urls, upstream.port);
  const host = place.host("terminal-1");
  const answer = await fetch(program.urls.proxyTls ?? "", {
    headers: { host },
    tls: { ca: pair.cert, checkServerIdentity: () => undefined },
  });
  expect(answer.status).toBe(200);

  await using silent = await startProgram({ environment: off("REST", "GRPC") });
  expect(Object.keys(silent.urls).toSorted()).toEqual(["ops", "pid", "proxy"]);
  rmSync(folder, { recursive: true, force: true });
}, 60_000);
