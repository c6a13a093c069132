// The data plane over TLS, as an operator sets it up and renews its certificate.
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { type Certificate, certificate } from "../harness/certificate.ts";
import { loginAdmin, makePlace } from "../harness/client.ts";
import { startProgram, startUpstream } from "../harness/program.ts";
import { until } from "../harness/until.ts";

const folder = mkdtempSync(join(tmpdir(), "realmgate-edge-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const files = { cert: join(folder, "tls.crt"), key: join(folder, "tls.key") };

function write(pair: Certificate): void {
  for (const name of ["key", "cert"] as const) {
    writeFileSync(`${files[name]}.new`, pair[name]);
    renameSync(`${files[name]}.new`, files[name]);
  }
}

const fresh = () => certificate({ names: ["*.local.containers.localhost"] });

function serial(url: string, servername: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port: Number(new URL(url).port), servername };
    const socket = tls.connect({ ...options, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()?.serialNumber ?? "");
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

test("is where the ready line says, verified by its certificate, and renewed on SIGHUP", async () => {
  const first = fresh();
  write(first);
  await using upstream = await startUpstream();
  await using program = await startProgram({
    environment: {
      REALMGATE_PROXY_TLS_LISTEN: "127.0.0.1:0",
      REALMGATE_TLS_CERT: files.cert,
      REALMGATE_TLS_KEY: files.key,
    },
  });
  const url = program.urls.proxyTls ?? "";
  expect(url).toStartWith("https://127.0.0.1:");
  const api = await loginAdmin(program.urls);
  const host = (await makePlace(api, program.urls, upstream.port)).host("terminal-1");
  // By address, for a host that the certificate names: who it is for is the client's question.
  const response = await fetch(url, {
    headers: { host },
    tls: { ca: first.cert, checkServerIdentity: () => undefined },
  });
  expect(response.status).toBe(200);
  const seen = (await response.json()) as { headers: Record<string, string> };
  expect(seen.headers).toMatchObject({ "x-forwarded-proto": "https" });

  const before = await serial(url, host);
  write(fresh());
  program.signal("SIGHUP");
  // Both are there for some seconds: one connection with the new one is enough.
  await until(async () => (await serial(url, host)) !== before, "the new certificate is served");
  const { status } = await fetch(program.urls.proxy, { headers: { host } });
  expect(status).toBe(200);
}, 60_000);
