// `serve` on PostgreSQL: the example of the README, a database that goes away, and starts that cannot be.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Api, loginAdmin } from "../harness/client.ts";
import { freePort } from "../harness/free-port.ts";
import { documents, promisedBy } from "../harness/markdown.ts";
import { paste, withAddresses } from "../harness/paste.ts";
import {
  PostgresServer,
  postgresBinaries,
  sayWithoutPostgres,
} from "../harness/postgres-server.ts";
import { adminPassword, type Program, startProgram } from "../harness/program.ts";
import { until } from "../harness/until.ts";

if (postgresBinaries === null) sayWithoutPostgres();

const startMsMax = 60_000;
const secretKey = randomBytes(32).toString("base64");

describe.skipIf(postgresBinaries === null)("serve on PostgreSQL", () => {
  let server: PostgresServer;
  let url: string;
  let program: Program;

  const environmentOf = (database: string) => ({
    REALMGATE_DATABASE_URL: database,
    REALMGATE_SECRET_KEY: secretKey,
    REALMGATE_DATABASE_TIMEOUT_MS: "1000",
  });

  beforeAll(async () => {
    server = await PostgresServer.start();
    url = await server.database();
    program = await startProgram({ environment: environmentOf(url) });
  }, startMsMax);

  afterAll(async () => {
    await program?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  test(
    "a lost password is replaced while no gate runs on the database, and not while one does",
    async () => {
      const database = await server.database();
      const environment = environmentOf(database);
      const reset = async () => {
        const child = Bun.spawn([process.execPath, "src/main.ts", "admin", "reset-password"], {
          env: { PATH: process.env.PATH, ...environment },
          stdout: "pipe",
          stderr: "pipe",
        });
        const [out, err] = await Promise.all([
          new Response(child.stdout).text(),
          new Response(child.stderr).text(),
        ]);
        return { code: await child.exited, out, err };
      };
      const running = await startProgram({ environment });
      const refused = await until(async () => {
        const ran = await reset();
        return ran.code === 1 ? ran : null;
      }, "the running gate is noticed");
      expect(refused).toMatchObject({ out: "" });
      expect(refused.err).toContain("a gate runs on this database");
      await running.kill();
      const done = await until(async () => {
        const ran = await reset();
        return ran.code === 0 ? ran : null;
      }, "the gate is gone");
      expect(done.out).toContain("user admin, password ");
      await running[Symbol.asyncDispose]();
    },
    startMsMax,
  );

  test(
    "does what the README shows",
    async () => {
      const readme = (await documents()).find(({ path }) => path === "README.md");
      const script = (readme?.blocks ?? [])
        .filter(({ language, notRun }) => language === "sh" && notRun === null)
        .map(({ text }) => text)
        .join("\n")
        .replaceAll("3000", String(freePort()));
      const promised = promisedBy(script);
      expect(promised.length).toBeGreaterThan(1);
      const given = `PASSWORD='${adminPassword}'\n${script}`;
      const { printed, complaints, exitCode } = await paste(
        withAddresses(given, program.urls),
        process.cwd(),
      );
      const isGood = exitCode === 0;
      expect({
        exitCode,
        printed: printed.filter((line) => promised.includes(line)),
        complaints: isGood ? "" : complaints,
      }).toEqual({ exitCode: 0, printed: promised, complaints: "" });
      expect(existsSync(join(program.dataDir, "realmgate.sqlite"))).toBeFalse();
    },
    startMsMax,
  );

  test(
    "keeps what it stored over a start, and a second one beside it sees it",
    async () => {
      const api = await loginAdmin(program.urls);
      const made = await api.data("POST", "/projects", { body: { alias: "kept" } });
      await using second = await startProgram({ environment: environmentOf(url) });
      const other = await loginAdmin(second.urls);
      expect(await other.data("GET", `/projects/${made.id}`)).toEqual(made);
      await other.data("PATCH", `/projects/${made.id}`, { body: { alias: "renamed" } });
      expect(await api.data("GET", `/projects/${made.id}`)).toMatchObject({ alias: "renamed" });
    },
    startMsMax,
  );

  test(
    "answers 503 while the database is away, and goes on when it is back",
    async () => {
      const api: Api = await loginAdmin(program.urls);
      const project = await api.data("POST", "/projects", { body: { alias: "away" } });
      await server.kill("SIGKILL");
      const read = await api.call("GET", `/projects/${project.id}`);
      expect([read.status, read.body.code]).toEqual([503, "STORE_UNAVAILABLE"]);
      expect(read.headers.get("retry-after")).toBe("1");
      const write = await api.call("POST", "/projects", { body: { alias: "lost" } });
      expect([write.status, write.body.code]).toEqual([503, "STORE_UNAVAILABLE"]);
      await server.boot();
      await until(
        async () => (await api.call("GET", `/projects/${project.id}`)).status === 200,
        "it reads again",
      );
      const again = await api.call("POST", "/projects", { body: { alias: "lost" } });
      expect(again.status).toBe(201);
    },
    startMsMax,
  );

  /** Starts it where it cannot: its one line. */
  async function refusal(environment: Record<string, string>): Promise<string> {
    const dataDir = mkdtempSync(join(tmpdir(), "realmgate-"));
    const child = await startProgram({ dataDir, environment }).then(
      async (started) => {
        await started[Symbol.asyncDispose]();
        throw new Error("it started");
      },
      (error: Error) => error,
    );
    expect(readdirSync(dataDir)).toEqual([]);
    rmSync(dataDir, { recursive: true });
    const [, ...lines] = child.message.trimEnd().split("\n");
    expect(lines).toHaveLength(1);
    return lines[0] ?? "";
  }

  test(
    "says in one line why it cannot start, and leaves nothing behind",
    async () => {
      const away = "postgres://gate:hunter2@127.0.0.1:1/gate";
      expect(await refusal(environmentOf(away))).toMatch(
        /^realmgate: the database 127.0.0.1:1\/gate cannot be used: no PostgreSQL server answers /,
      );
      const other = {
        ...environmentOf(url),
        REALMGATE_SECRET_KEY: randomBytes(32).toString("base64"),
      };
      expect(await refusal(other)).toContain(
        "were sealed with another secret key: bring that back",
      );
    },
    startMsMax,
  );
});
