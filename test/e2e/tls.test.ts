// The API over TLS: both listeners speak it with one certificate, and plain text gets nowhere.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectPlain } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { connect } from "node:tls";
import { create, type Message } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { type User, UserService } from "../../proto/gen/realmgate/v1/users_pb.ts";
import { serviceDefinition } from "../../proto/grpc.ts";
import { selfSigned } from "../harness/certificate.ts";
import { adminPassword, type Program, startProgram } from "../harness/program.ts";

const root = resolve(import.meta.dir, "../..");
const folder = mkdtempSync(join(tmpdir(), "realmgate-tls-"));
const { cert, key } = selfSigned();
const certFile = join(folder, "cert.pem");
const keyFile = join(folder, "key.pem");
/** Two programs start in some tests; the machine may be busy. */
const startMsMax = 30_000;

let program: Program;
let session: string;

beforeAll(async () => {
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, key);
  program = await startProgram({
    environment: { REALMGATE_API_TLS_CERT: certFile, REALMGATE_API_TLS_KEY: keyFile },
  });
  const login = await fetch(`${program.urls.rest}/api/v1/users/auth/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ username: "admin", password: adminPassword }),
    tls: { ca: cert },
  });
  const { data } = (await login.json()) as { data: { token: string } };
  session = `Bearer ${data.token}`;
}, startMsMax);

afterAll(async () => {
  await program[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const portOf = (url: string) => Number(new URL(url).port);
const listeners = ["rest", "grpc"] as const;

const restMe = () =>
  fetch(`${program.urls.rest}/api/v1/users/me`, {
    headers: { authorization: session },
    tls: { ca: cert },
  });

interface GrpcOutcome {
  readonly status: number;
  readonly message: User | null;
}

/** GetMe over gRPC, with these channel credentials. */
async function grpcMe(channel: ReturnType<typeof credentials.createSsl>): Promise<GrpcOutcome> {
  // By name: the runtime's TLS client refuses to announce an address as the server's name.
  const client = new Client(`localhost:${portOf(program.urls.grpc)}`, channel);
  const { GetMe } = serviceDefinition(UserService);
  if (GetMe === undefined) throw new Error("no GetMe");
  const metadata = new Metadata();
  metadata.set("authorization", session);
  try {
    return await new Promise((resolve) => {
      client.makeUnaryRequest<Message, Message>(
        GetMe.path,
        GetMe.requestSerialize,
        GetMe.responseDeserialize,
        create(EmptySchema),
        metadata,
        (error: ServiceError | null, message) =>
          resolve({ status: error?.code ?? status.OK, message: (message as User) ?? null }),
      );
    });
  } finally {
    client.close();
  }
}

test("the ready line says https for the API, and http for what is not under it", () => {
  const { rest, grpc, proxy, ops } = program.urls;
  const schemes = [rest, grpc, proxy, ops].map((url) => new URL(url).protocol);
  expect(schemes).toEqual(["https:", "https:", "http:", "http:"]);
});

test("REST answers, to whoever trusts the certificate", async () => {
  const answer = await restMe();
  expect(answer.status).toBe(200);
  expect(await answer.json()).toMatchObject({ data: { username: "admin" } });
  const distrusted = fetch(`${program.urls.rest}/openapi.json`).then(
    () => "answered",
    () => "refused",
  );
  expect(await distrusted).toBe("refused");
});

test("gRPC answers, to whoever trusts the certificate", async () => {
  const trusted = await grpcMe(credentials.createSsl(Buffer.from(cert)));
  expect(trusted.status).toBe(status.OK);
  expect(trusted.message?.username).toBe("admin");
  expect((await grpcMe(credentials.createSsl())).status).toBe(status.UNAVAILABLE);
});

describe.each(listeners)("a client of %s that speaks", (name) => {
  /** The version that a handshake ends with, or "refused". */
  function handshake(version: "TLSv1.1" | "TLSv1.2" | "TLSv1.3"): Promise<string> {
    return new Promise((resolve) => {
      const socket = connect({
        host: "127.0.0.1",
        port: portOf(program.urls[name]),
        ca: cert,
        minVersion: version,
        maxVersion: version,
      });
      socket.on("secureConnect", () => {
        resolve(socket.authorized ? String(socket.getProtocol()) : "not authorized");
        socket.destroy();
      });
      socket.on("error", () => resolve("refused"));
    });
  }

  test.each([
    ["TLSv1.3", "TLSv1.3"],
    ["TLSv1.2", "TLSv1.2"],
    ["TLSv1.1", "refused"],
  ] as const)("%s: %s", async (version, outcome) => {
    expect(await handshake(version)).toBe(outcome);
  });

  test.each([
    ["HTTP", "GET /api/v1/users/me HTTP/1.1\r\nHost: api.localhost\r\n\r\n"],
    ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ["nonsense", "nonsense\r\n"],
  ])("plain text is cut off and told nothing, and the others go on: %s", async (_why, bytes) => {
    const told = await new Promise<string>((resolve, reject) => {
      const socket = connectPlain(portOf(program.urls[name]), "127.0.0.1");
      let text = "";
      socket.on("connect", () => socket.write(bytes));
      socket.on("data", (chunk) => {
        text += chunk.toString("latin1");
      });
      socket.on("error", () => {});
      socket.on("close", () => resolve(text));
      socket.setTimeout(20_000, () => {
        reject(new Error("the connection stays open"));
        socket.destroy();
      });
    });
    expect(told).not.toContain("HTTP");
    expect(told.length).toBeLessThan(64);
    expect((await restMe()).status).toBe(200);
    expect((await grpcMe(credentials.createSsl(Buffer.from(cert)))).status).toBe(status.OK);
  });
});

/** Starts it until it is ready or ends; its exit code and what it said, or "ready". */
async function start(environment: Readonly<Record<string, string>>, hostname = "127.0.0.1") {
  const child = Bun.spawn([process.execPath, "src/main.ts", "serve"], {
    cwd: root,
    env: {
      PATH: process.env.PATH,
      REALMGATE_DATA_DIR: join(folder, "data"),
      REALMGATE_OPS_LISTEN: "127.0.0.1:0",
      REALMGATE_PROXY_LISTEN: "127.0.0.1:0",
      REALMGATE_REST_LISTEN: `${hostname}:0`,
      REALMGATE_GRPC_LISTEN: `${hostname}:0`,
      ...environment,
    },
    stdout: "pipe",
    stderr: "pipe",
  });
  const { value } = await child.stdout.getReader().read();
  if (value !== undefined) {
    child.kill("SIGKILL");
    await child.exited;
    return { code: "ready", err: "" };
  }
  return { code: await child.exited, err: await new Response(child.stderr).text() };
}

describe("a start", () => {
  test.each([
    [{ REALMGATE_API_TLS_CERT: certFile }, "REALMGATE_API_TLS_KEY must be set, too"],
    [
      { REALMGATE_API_TLS_CERT: certFile, REALMGATE_API_TLS_KEY: `${keyFile}.old` },
      "REALMGATE_API_TLS_KEY cannot be read",
    ],
    [
      { REALMGATE_API_TLS_CERT: keyFile, REALMGATE_API_TLS_KEY: keyFile },
      "REALMGATE_API_TLS_CERT must be a file of certificates",
    ],
  ])(
    "with half of a pair ends, and says which: %j",
    async (environment, problem) => {
      const { code, err } = await start(environment);
      expect(code).toBe(2);
      expect(err).toContain(problem);
    },
    startMsMax,
  );

  test(
    "beyond loopback needs TLS, or to be told that it does not",
    async () => {
      const beyond = "0.0.0.0";
      const tls = { REALMGATE_API_TLS_CERT: certFile, REALMGATE_API_TLS_KEY: keyFile };
      expect((await start(tls, beyond)).code).toBe("ready");
      const { code, err } = await start({}, beyond);
      expect(code).toBe(2);
      expect(err).toContain("REALMGATE_REST_LISTEN is beyond loopback and has no TLS");
      expect(err).toContain("REALMGATE_GRPC_LISTEN is beyond loopback and has no TLS");
    },
    startMsMax,
  );
});
