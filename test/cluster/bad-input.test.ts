// Starts of the roles that cannot be: one line that says what to do, the right exit code, nothing written.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Cluster, RoleFailed, startRole } from "../harness/cluster.ts";
import { postgresBinaries, sayWithoutPostgres } from "../harness/postgres-server.ts";

if (postgresBinaries === null) sayWithoutPostgres();

const startMsMax = 120_000;
const key = () => randomBytes(32).toString("base64");

interface Refusal {
  readonly code: number;
  readonly lines: readonly string[];
}

/** What a role says that cannot start. */
async function refusal(role: string, environment: Record<string, string>): Promise<Refusal> {
  const dataDir = mkdtempSync(join(tmpdir(), "realmgate-"));
  try {
    const started = await startRole(role, { REALMGATE_DATA_DIR: dataDir, ...environment }).then(
      (member) => member,
      (error: unknown) => error,
    );
    if (!(started instanceof RoleFailed)) {
      if (started instanceof Error) throw started;
      throw new Error(`${role} started`);
    }
    expect(readdirSync(dataDir)).toEqual([]);
    const lines = started.logged.split("\n").filter((line) => line.startsWith("realmgate:"));
    return { code: started.code, lines };
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

describe.skipIf(postgresBinaries === null)("a start that cannot be", () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await Cluster.start({ controls: 1, servers: [], gateway: false });
    cluster.tokens.set("east", await cluster.node("proxy", "east"));
    cluster.tokens.set("gateway", await cluster.node("gateway", null));
  }, startMsMax);

  afterAll(() => cluster?.[Symbol.asyncDispose](), startMsMax);

  test("of a control plane with nothing set says everything at once", async () => {
    expect(await refusal("control", {})).toEqual({
      code: 2,
      lines: [
        "realmgate: REALMGATE_DATABASE_URL must be postgres://… for the role control",
        "realmgate: REALMGATE_SECRET_KEY is required for the role control",
      ],
    });
  });

  test("of a proxy with a database says that it has none", async () => {
    const environment = { REALMGATE_DATABASE_URL: "postgres://a@b/c", REALMGATE_SECRET_KEY: key() };
    const { code, lines } = await refusal("proxy", environment);
    expect(code).toBe(2);
    expect(lines).toEqual([
      "realmgate: REALMGATE_DATABASE_URL must not be set for the role proxy",
      "realmgate: REALMGATE_SECRET_KEY must not be set for the role proxy",
      "realmgate: REALMGATE_NODE_TOKEN is required: realmgate nodes create prints one; or set REALMGATE_NODE_CERT",
      "realmgate: REALMGATE_FEED_URLS is required for the role proxy",
    ]);
  });

  test.each(["control", "proxy", "gateway", "serve"])(
    "of a %s names variables that are misspelt",
    async (role) => {
      const dataDir = mkdtempSync(join(tmpdir(), "realmgate-"));
      // None of them gets further than its first look at another place.
      const environment: Record<string, Record<string, string>> = {
        control: {
          REALMGATE_DATABASE_URL: "postgres://a@127.0.0.1:1/b",
          REALMGATE_SECRET_KEY: key(),
        },
        proxy: {
          REALMGATE_NODE_TOKEN: `hdn_${"x".repeat(43)}`,
          REALMGATE_FEED_URLS: "http://127.0.0.1:1",
        },
        gateway: {
          REALMGATE_NODE_TOKEN: `hdn_${"x".repeat(43)}`,
          REALMGATE_CONTROL_URLS: "http://127.0.0.1:1",
        },
        serve: {
          REALMGATE_DATABASE_URL: "postgres://a@127.0.0.1:1/b",
          REALMGATE_SECRET_KEY: key(),
        },
      };
      const child = Bun.spawn([process.execPath, "src/main.ts", role], {
        env: {
          ...{ PATH: process.env.PATH, HOME: dataDir, REALMGATE_DATA_DIR: dataDir },
          ...environment[role],
          REALMGATE_STALENESS_MAX: "5",
        },
        stdout: "ignore",
        stderr: "pipe",
      });
      let said = "";
      for await (const chunk of child.stderr) {
        said += new TextDecoder().decode(chunk);
        if (said.includes("unknown setting")) break;
      }
      child.kill("SIGKILL");
      await child.exited;
      rmSync(dataDir, { recursive: true, force: true });
      expect(said).toContain('"variable":"REALMGATE_STALENESS_MAX"');
    },
    startMsMax,
  );

  test("over plain text beyond loopback is refused", async () => {
    const token = `hdn_${"x".repeat(43)}`;
    const far = { REALMGATE_NODE_TOKEN: token, REALMGATE_FEED_URLS: "http://192.0.2.1:50052" };
    expect((await refusal("proxy", far)).lines.join()).toContain(
      "is beyond loopback: write https://",
    );
    const open = {
      REALMGATE_DATABASE_URL: "postgres://a@b/c",
      REALMGATE_SECRET_KEY: key(),
      REALMGATE_FEED_LISTEN: "0.0.0.0:0",
    };
    expect((await refusal("control", open)).lines.join()).toContain("has no TLS");
  });

  test("of a control plane without its database, or with another key", async () => {
    const away = "postgres://gate:hunter2@127.0.0.1:1/gate";
    const none = await refusal("control", {
      REALMGATE_DATABASE_URL: away,
      REALMGATE_SECRET_KEY: key(),
    });
    expect(none).toEqual({
      code: 1,
      lines: [expect.stringMatching(/127\.0\.0\.1:1\/gate cannot be used: no PostgreSQL server/)],
    });
    const other = await refusal("control", {
      REALMGATE_DATABASE_URL: cluster.databaseUrl,
      REALMGATE_SECRET_KEY: key(),
    });
    expect(other).toEqual({ code: 1, lines: [expect.stringContaining("another secret key")] });
  });

  test(
    "of a proxy whose server is not its node's, whose token is none, or whose URL is no feed",
    async () => {
      const feeds = { REALMGATE_FEED_URLS: await cluster.feedUrls() };
      const token = cluster.tokens.get("east") ?? "";
      const foreign = await refusal("proxy", {
        ...feeds,
        REALMGATE_NODE_TOKEN: token,
        REALMGATE_SERVER_NAME: "west",
      });
      expect(foreign).toEqual({
        code: 1,
        lines: [expect.stringContaining("may not follow server west: its own are east")],
      });
      for (const wrong of [`hdn_${"x".repeat(43)}`, cluster.tokens.get("gateway") ?? ""]) {
        const stranger = await refusal("proxy", { ...feeds, REALMGATE_NODE_TOKEN: wrong });
        expect(stranger).toEqual({
          code: 1,
          lines: [expect.stringContaining("not a node of this installation")],
        });
        expect(stranger.lines.join()).not.toContain(wrong);
      }
      const elsewhere = await refusal("proxy", {
        REALMGATE_FEED_URLS: cluster.controls[0]?.said.rest ?? "",
        REALMGATE_NODE_TOKEN: token,
        REALMGATE_SERVER_NAME: "east",
      });
      expect(elsewhere).toEqual({
        code: 1,
        lines: [expect.stringContaining("is that REALMGATE_FEED_LISTEN of a control plane")],
      });
    },
    startMsMax,
  );

  test.each(["control", "serve"])(
    "of a %s whose clock is an hour off its database's",
    async (role) => {
      const { code, lines } = await refusal(role, {
        REALMGATE_DATABASE_URL: cluster.databaseUrl,
        REALMGATE_SECRET_KEY: cluster.secretKey,
        BUN_OPTIONS: `--preload=${join(import.meta.dir, "../harness/shifted-clock.ts")}`,
        REALMGATE_TEST_CLOCK_OFF_MS: "3600000",
      });
      expect({ code, lines }).toEqual({
        code: 1,
        lines: [
          "realmgate: the clock of this machine is 3600 s ahead of that of the database: set it, expiries depend on it",
        ],
      });
    },
  );

  test.each([
    [3_600_000, "the clock of this machine is 3600 s ahead of that of the control plane: set it"],
    [-3_600_000, "the clock of this machine is 3600 s behind that of the control plane: set it"],
  ])("of a proxy whose clock is %d ms off", async (offMs, said) => {
    const { code, lines } = await refusal("proxy", {
      REALMGATE_FEED_URLS: await cluster.feedUrls(),
      REALMGATE_NODE_TOKEN: cluster.tokens.get("east") ?? "",
      REALMGATE_SERVER_NAME: "east",
      BUN_OPTIONS: `--preload=${join(import.meta.dir, "../harness/shifted-clock.ts")}`,
      REALMGATE_TEST_CLOCK_OFF_MS: `${offMs}`,
    });
    expect({ code, lines }).toEqual({
      code: 1,
      lines: [expect.stringMatching(/3600 s|3599 s|3601 s/)],
    });
    expect(lines[0]?.replace(/\d+ s/, "3600 s")).toContain(said);
  });

  test(
    "of a control plane whose password is wrong, or whose database is a newer version's",
    async () => {
      const { postgres, databaseUrl, secretKey } = cluster;
      const starts = async (url: string) =>
        refusal("control", { REALMGATE_DATABASE_URL: url, REALMGATE_SECRET_KEY: secretKey });
      await postgres.query(databaseUrl, "create role guarded login password 'right'");
      await postgres.requirePassword("guarded");
      const guarded = databaseUrl.replace("realmgate@", "guarded:hunter2@");
      const wrong = await starts(guarded);
      expect(wrong).toEqual({
        code: 1,
        lines: [expect.stringContaining("refuses the user or the password")],
      });
      expect(wrong.lines.join()).not.toContain("hunter2");
      const newer = "update realmgate.revisions set min_version = min_version + 1000";
      await postgres.query(databaseUrl, newer);
      expect(await starts(databaseUrl)).toEqual({
        code: 1,
        lines: [expect.stringContaining("written by a newer version of this program: start that")],
      });
    },
    startMsMax,
  );
});
