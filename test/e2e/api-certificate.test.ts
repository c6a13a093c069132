// The API's certificate is renewed while REST and gRPC go on.
import { expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { certificate, selfSigned } from "../harness/certificate.ts";
import { startProgram } from "../harness/program.ts";
import { until } from "../harness/until.ts";

interface Pair {
  readonly cert: string;
  readonly key: string;
}

function connected(url: string): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const at = { host: "127.0.0.1", port: Number(new URL(url).port), rejectUnauthorized: false };
    const socket = tls.connect(at, () => resolve(socket));
    socket.on("error", reject);
  });
}

/** A connection that arrives while the certificate is exchanged may be reset (docs/tls.md): one more try. */
async function serial(url: string): Promise<string> {
  const socket = await connected(url).catch(() => connected(url));
  const { serialNumber } = socket.getPeerX509Certificate() ?? { serialNumber: "" };
  socket.destroy();
  return serialNumber;
}

const anyRequest = "GET /openapi.json HTTP/1.1\r\nHost: api\r\n\r\n";

test("a renewed certificate is served by REST and gRPC, on SIGHUP and by itself, and open connections go on", async () => {
  const folder = mkdtempSync(join(tmpdir(), "realmgate-api-"));
  const files = { cert: join(folder, "tls.crt"), key: join(folder, "tls.key") };
  const write = (pair: Pair) => {
    for (const name of ["key", "cert"] as const) {
      writeFileSync(`${files[name]}.new`, pair[name]);
      renameSync(`${files[name]}.new`, files[name]);
    }
  };
  const first = selfSigned();
  write(first);
  await using program = await startProgram({
    environment: { REALMGATE_API_TLS_CERT: files.cert, REALMGATE_API_TLS_KEY: files.key },
  });
  const { rest, grpc } = program.urls;
  const series = /^realmgate_certificate_not_after_seconds\{listener="api"\} (\S+)$/m;
  const endsS = async () =>
    Number(series.exec(await (await fetch(`${program.urls.ops}/metrics`)).text())?.[1]);
  const endOf = ({ cert }: Pair) => Date.parse(new X509Certificate(cert).validTo) / 1000;
  expect(await endsS()).toBe(endOf(first));
  const open = await connected(rest);
  const before = await serial(rest);
  expect(await serial(grpc)).toBe(before);

  // One after the other: only together they are a pair.
  write(selfSigned());
  program.signal("SIGHUP");
  await until(async () => (await serial(rest)) !== before, "REST has the new certificate");
  const renewed = await serial(rest);
  expect(await serial(grpc)).toBe(renewed);

  const answer = new Promise<string>((resolve) => open.once("data", (data) => resolve(`${data}`)));
  open.write(anyRequest);
  expect(await answer).toStartWith("HTTP/1.1 200");
  open.destroy();

  // A pair that is none is refused, and the one before stays.
  writeFileSync(files.cert, selfSigned().cert);
  program.signal("SIGHUP");
  await until(() => program.log().includes("the new one is refused"), "the refusal is logged");
  expect(await serial(rest)).toBe(renewed);

  const third = certificate({ notAfterMs: Date.now() + 7 * 86_400_000 });
  write(third);
  await until(async () => (await serial(grpc)) !== renewed, "gRPC has the third by itself");
  expect(await endsS()).toBe(endOf(third));
  rmSync(folder, { recursive: true, force: true });
}, 60_000);
